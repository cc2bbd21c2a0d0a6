/**
 * A name that somebody gave themselves or their workspace. Anyone may sign up and invite, so it must not become a link or
 * a letter within the letter.
 */
export function name(value: unknown, otherwise: string, most = 60): string {
  if (typeof value !== 'string') return otherwise;
  const plain = value
    .replaceAll(/[\p{C}\s]+/gu, ' ')
    .replaceAll(/[a-z]+:\/\/|www\.|[<>/\\@]/gi, '')
    .trim();
  return plain.length > most ? `${plain.slice(0, most - 1)}…` : plain || otherwise;
}
