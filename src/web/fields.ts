/** A form of settings, from what the engine says of them. */
import type { Field } from "./messages.ts";

/** "learningRate" as "learning rate". */
const words = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

type Control = HTMLInputElement | HTMLSelectElement;

function controlOf({ control, usual, least, most }: Field): Control {
  if (control.kind === "choice" || control.kind === "choices") {
    const select = document.createElement("select");
    select.multiple = control.kind === "choices";
    // All are seen: one that is chosen and out of sight would be overlooked.
    if (select.multiple) select.size = control.choices.length;
    const chosen = Array.isArray(usual) ? usual : [usual];
    if (usual === undefined) select.append(new Option("as usual", ""));
    for (const choice of control.choices) {
      select.append(new Option(choice, choice, false, chosen.includes(choice)));
    }
    return select;
  }
  const input = document.createElement("input");
  if (control.kind === "flag") {
    input.type = "checkbox";
    input.checked = usual === true || usual === "true";
    return input;
  }
  input.type = control.kind === "number" ? "number" : "text";
  if (control.kind === "number") input.step = control.whole ? "1" : "any";
  if (least !== undefined) input.min = String(least);
  if (most !== undefined) input.max = String(most);
  input.placeholder = usual === undefined ? "" : String(usual);
  return input;
}

/** What a control says; undefined where it is left as usual. */
function valueOf({ control, usual }: Field, element: Control): unknown {
  if (element instanceof HTMLSelectElement) {
    const values = [...element.selectedOptions].map(({ value }) => value);
    if (element.multiple) {
      return values.length === 0 || String(values) === String(usual) ? undefined : values;
    }
    return values[0] === "" || values[0] === usual ? undefined : values[0];
  }
  if (control.kind === "flag") {
    const plain = usual === true || usual === "true";
    return element.checked === plain ? undefined : element.checked;
  }
  // What stands in an empty field counts, where the schema itself has no such default.
  const text = element.value.trim() || (typeof usual === "string" ? usual : "");
  if (text === "") return undefined;
  if (control.kind === "number") return Number(text);
  return control.kind === "numbers" ? text.split(/[\s,]+/).map(Number) : text;
}

/** Puts a setting's value into its control. */
function setValue({ control }: Field, element: Control, value: unknown): void {
  if (element instanceof HTMLSelectElement) {
    const values = (Array.isArray(value) ? value : [value]).map(String);
    for (const option of element.options) option.selected = values.includes(option.value);
  } else if (control.kind === "flag") element.checked = value === true;
  else element.value = Array.isArray(value) ? value.join(", ") : String(value);
}

/** Fields in a place of the page. */
export class Fields {
  readonly #place: HTMLElement;
  readonly #form: HTMLFormElement | undefined;
  readonly #shown: { field: Field; element: Control }[] = [];

  /** @param form that they are of, where their place lies outside it. */
  constructor(place: HTMLElement, form?: HTMLFormElement) {
    this.#place = place;
    this.#form = form;
  }

  /** Shows other fields. */
  show(fields: readonly Field[]): void {
    this.#shown.length = 0;
    this.#place.replaceChildren(
      ...fields.map((field) => {
        const element = controlOf(field);
        if (this.#form !== undefined) element.setAttribute("form", this.#form.id);
        this.#shown.push({ field, element });
        const label = document.createElement("label");
        label.append(`${words(field.name)} `, element);
        const box = document.createElement("div");
        box.className = "field";
        box.append(label);
        if (field.text !== "") {
          const hint = document.createElement("p");
          Object.assign(hint, {
            ...{ className: "hint", textContent: field.text },
            id: `${this.#place.id}-${field.name}`,
          });
          element.setAttribute("aria-describedby", hint.id);
          box.append(hint);
        }
        return box;
      }),
    );
  }

  /** The control of a setting; undefined where there is none. */
  control(name: string): Control | undefined {
    return this.#shown.find(({ field }) => field.name === name)?.element;
  }

  /** Settings that are not as usual. */
  get values(): Record<string, unknown> {
    const entries = this.#shown.map(({ field, element }) => [field.name, valueOf(field, element)]);
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Record<
      string,
      unknown
    >;
  }

  /** Fills in settings. */
  fill(settings: Readonly<Record<string, unknown>>): void {
    for (const { field, element } of this.#shown) {
      if (field.name in settings) setValue(field, element, settings[field.name]);
    }
  }

  set disabled(disabled: boolean) {
    for (const { element } of this.#shown) element.disabled = disabled;
  }
}
