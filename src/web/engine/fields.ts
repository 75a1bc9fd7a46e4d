/** Settings of what is found by name, as fields of a form. */
import { z } from "zod";
import type { SettingOption } from "../../registry.ts";
import type { Field } from "../messages.ts";

/** What is used of a JSON schema. */
interface Property {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly string[];
  readonly items?: { readonly enum?: readonly string[] } | boolean;
  readonly prefixItems?: readonly Property[];
}

const control = ({
  type,
  enum: choices,
  items,
  prefixItems,
}: Property): Field["control"] | undefined => {
  if (choices !== undefined) return { kind: "choice", choices };
  if (type === "number" || type === "integer") return { kind: "number", whole: type === "integer" };
  if (type === "boolean") return { kind: "flag" };
  if (type === "string") return { kind: "text" };
  if (type !== "array") return undefined;
  if (prefixItems !== undefined) return { kind: "numbers" };
  return typeof items === "object" && items.enum !== undefined
    ? { kind: "choices", choices: items.enum }
    : undefined;
};

/**
 * Fields for the settings of a schema, in its order. What a form cannot ask for, such as an optimiser with settings of its
 * own, is left out and stays as usual.
 *
 * @param options what commands say of settings that their schema says nothing of.
 */
export function fieldsOf(schema: z.ZodType, options: readonly SettingOption[] = []): Field[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return Object.entries(properties as Readonly<Record<string, Property>>).flatMap(
    ([name, property]) => {
      const kind = control(property);
      if (kind === undefined) return [];
      const option = options.find(({ settings }) => settings.includes(name));
      // An option that gives several settings lists their values.
      const place = option?.settings.indexOf(name) ?? 0;
      const usual = property.default ?? String(option?.default ?? "").split(",")[place];
      const { minimum, maximum } = property;
      return {
        ...{ name, text: property.description ?? option?.text ?? "", control: kind },
        usual: usual === undefined || usual === "" ? undefined : (usual as Field["usual"]),
        ...(minimum !== undefined && minimum > -1e9 ? { least: minimum } : {}),
        ...(maximum !== undefined && maximum < 1e9 ? { most: maximum } : {}),
      };
    },
  );
}
