/** Addresses that people give, as they may be shown. */

/** A text without the password of the address that it is, or ends in after "=". */
export function withoutPassword(text: string): string {
  return text.replace(/((?:^|=)[a-z][\w+.-]*:\/\/)[^@/]*@/i, "$1***@");
}
