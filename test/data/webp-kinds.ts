/** WebP files of 8×6 pixels. */
const base64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));

/** Pixels of 200, 100, 50; several images; one to be turned. */
export const webps = {
  lossless: base64("UklGRiIAAABXRUJQVlA4TBYAAAAvB0ABAAdQsiJXpv8BgCD8b5uI6H8I"),
  lossy: base64(
    "UklGRjoAAABXRUJQVlA4IC4AAADwAQCdASoIAAYAAUAmJaACdLoB+AAEyAAA/q4X/zYEDND6YP/SbPE2eJs+OYAA",
  ),
  clear: base64("UklGRiQAAABXRUJQVlA4TBgAAAAvB0ABEA9wCqgr+J7C43+AwYP3/0f0P3w="),
  turned: base64(
    "UklGRlYAAABXRUJQVlA4WAoAAAAIAAAABwAABQAAVlA4TBYAAAAvB0ABAAdQsiJXpv8BgCD8b5uI6H8IRVhJRhoAAABNTQAqAAAACAABARIA" +
      "AwAAAAEABgAAAAAAAA==",
  ),
  several: base64(
    "UklGRqwAAABXRUJQVlA4WAoAAAACAAAABwAABQAAQU5JTQYAAAAAAAAAAABBTk1GSAAAAAAAAAAAAAcAAAUAAAAAAAJWUDggMAAAADABAJ0B" +
      "KggABgABQCYloAADcAD+xO///zYH/kH/yD7/f//pNn/9Js//pNnxzAAAAEFOTUYwAAAAAAAAAAAABwAABQAAAAAAAFZQOCAYAAAANAEAnQEq" +
      "CAAGAAAAJiWkAANwAP79NmgA",
  ),
};
