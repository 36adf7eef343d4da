import { StringDecoder } from 'node:string_decoder';

/**
 * The lines of a file, which end with a line feed and nothing else. (`node:readline` also ends one at U+2028, which an event may hold.)
 *
 * @param onBytes hears how many were read
 */
export async function* lines(input: AsyncIterable<Buffer>, onBytes: (count: number) => void = () => undefined): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of input) {
    onBytes(chunk.length);
    const parts = (rest + decoder.write(chunk)).split('\n');
    rest = parts.pop()!;
    yield* parts;
  }
  rest += decoder.end();
  if (rest !== '') yield rest;
}
