/** How a page looks: light, dark, narrow, and on paper. */

export const pageStyle: string = `
:root { color-scheme: light dark; --ground: #ffffff; --panel: #f4f5f6; --text: #1b1e21; --soft: #545b62; --line: #d3d8dc; --link: #0b57a4; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #15181b; --panel: #1f2327; --text: #e9ecee; --soft: #a9b1b8; --line: #3b4248; --link: #7cb8f5; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; scroll-behavior: auto; }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; overflow-wrap: break-word; }
header, nav, main, footer { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 1.75rem 0 0.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 2.5rem 0 0.6rem; padding-top: 0.9rem; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
h3 { font-size: 1.08rem; line-height: 1.35; margin: 1.75rem 0 0.5rem; }
p { margin: 0.5rem 0; max-width: 46rem; }
a { color: var(--link); }
a:focus-visible, [tabindex]:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 0.5rem; background: var(--ground); padding: 0.4rem 0.8rem; }
.lead { font-size: 1.08rem; }
.soft, figcaption, caption { color: var(--soft); }
nav ul { list-style: none; padding: 0; margin: 1rem 0 0; display: flex; flex-wrap: wrap; gap: 0.15rem 1.1rem; }
nav a { display: inline-block; padding: 0.2rem 0; overflow-wrap: anywhere; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(13.5rem, 100%), 1fr)); gap: 0.7rem; margin: 1rem 0; }
.facts div { background: var(--panel); border-radius: 6px; padding: 0.6rem 0.8rem; }
.facts dt { color: var(--soft); font-size: 0.9rem; }
.facts dd { margin: 0; font-size: 1.12rem; font-variant-numeric: tabular-nums; }
.facts small { color: var(--soft); font-size: 0.85rem; display: block; }
.scroll { overflow-x: auto; margin: 0.9rem 0; }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0 0 0.35rem; font-size: 0.92rem; }
th, td { padding: 0.28rem 0.75rem 0.28rem 0; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
thead th { vertical-align: bottom; border-bottom-width: 2px; }
th:first-child, td:first-child, .texts th, .texts td { text-align: left; }
th { font-weight: 600; }
tbody th { font-weight: 500; }
.words { text-align: left; }
.texts { width: 100%; }
.texts th, .texts td { overflow-wrap: anywhere; min-width: 7rem; }
.texts th:has(code) { min-width: 9.5rem; }
.texts td:empty { min-width: 0; }
code, pre { font-family: ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.9em; overflow-wrap: anywhere; }
pre { background: var(--panel); border-radius: 6px; padding: 0.7rem 0.9rem; white-space: pre-wrap; margin: 0.6rem 0; }
figure { margin: 1rem 0; }
figcaption { font-size: 0.92rem; max-width: 46rem; }
.picture img { display: block; width: 100%; min-width: 38rem; max-width: 58rem; height: auto; background: #ffffff; border-radius: 6px; }
.chart svg { display: block; width: 100%; max-width: 40rem; height: auto; }
.chart svg text { fill: currentColor; font-family: inherit; }
.chart .role-axis-grid line { stroke: var(--line); }
.chart .role-axis-domain line, .chart .role-axis-tick line { stroke: var(--soft); }
.chart [stroke="#000000"] { stroke: currentColor; }
.chart [fill="#000000"] { fill: currentColor; }
.legend { list-style: none; padding: 0; margin: 0.4rem 0; display: flex; flex-wrap: wrap; gap: 0.15rem 1.1rem; font-size: 0.92rem; }
.legend svg { display: inline-block; width: 1.9rem; max-width: none; height: 0.6rem; margin-right: 0.4rem; vertical-align: 0.05rem; }
.gallery { list-style: none; padding: 0; margin: 1rem 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 0.8rem; }
.gallery li { background: var(--panel); border-radius: 6px; padding: 0.6rem; font-size: 0.88rem; line-height: 1.4; overflow-wrap: anywhere; }
.gallery img { display: block; width: 84px; height: 84px; object-fit: contain; background: var(--ground); image-rendering: pixelated; margin-bottom: 0.4rem; }
.gallery dl { margin: 0.2rem 0 0; display: grid; grid-template-columns: auto 1fr; gap: 0 0.5rem; }
.gallery dt { color: var(--soft); }
.gallery dd { margin: 0; }
footer { margin-top: 3rem; padding-bottom: 2rem; font-size: 0.9rem; color: var(--soft); }
@media (max-width: 30rem) {
  .gallery { grid-template-columns: 1fr 1fr; }
  h1 { font-size: 1.45rem; }
  caption { max-width: calc(100vw - 2.5rem); }
  .facts { grid-template-columns: 1fr 1fr; }
}
@media print {
  :root { color-scheme: light; --ground: #ffffff; --panel: #ffffff; --text: #000000; --soft: #444444; --line: #bbbbbb; --link: #000000; }
  body { font-size: 10pt; }
  header, main, footer { max-width: none; padding: 0; }
  nav, .skip { display: none; }
  .scroll { overflow: visible; }
  .picture img { width: auto; min-width: 0; max-width: 100%; max-height: 22cm; }
  table { font-size: 8.5pt; }
  th, td { padding-right: 0.45rem; }
  pre, .facts div, .gallery li { border: 1px solid var(--line); }
  tr, li, figure, .facts div { break-inside: avoid; }
  h2, h3, caption, thead { break-after: avoid; }
  thead { display: table-header-group; }
}
`;
