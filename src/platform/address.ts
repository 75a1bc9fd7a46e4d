/** Addresses that people give, as they may be shown. */

/**
 * A text without the password of the address that it is, or ends in after "=". One of Redis may hold what should have been
 * escaped, "/" or "@": all before its last "@" is left out.
 */
export function withoutPassword(text: string): string {
  return text
    .replace(/((?:^|=)rediss?:\/\/).*@/i, "$1***@")
    .replace(/((?:^|=)[a-z][\w+.-]*:\/\/)[^@/]*@/i, "$1***@");
}
