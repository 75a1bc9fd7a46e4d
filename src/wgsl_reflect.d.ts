// The package's main entry exports nothing on Node and Deno; the module build has no types of its own.
declare module "wgsl_reflect/wgsl_reflect.module.js" {
  export * from "wgsl_reflect";
}
