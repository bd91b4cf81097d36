/** What is printed meanwhile, line by line: the completion package answers on the console and nowhere else. */
export function printedBy(print: () => void): string[] {
  const lines: string[] = [];
  const { console } = globalThis;
  globalThis.console = { ...console, log: (line: string) => void lines.push(line) };
  try {
    print();
  } finally {
    globalThis.console = console;
  }
  return lines;
}
