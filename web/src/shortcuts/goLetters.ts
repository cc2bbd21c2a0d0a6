import { navigationObjects } from '../model/lookup.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { isTakenAfterG } from './ownKeys.ts';

/** Each object's letter after g: the first of its label that nothing before it has taken, or else any that is free. */
export function goLetters(model: Model): Map<string, ModelObject> {
  const letters = new Map<string, ModelObject>();
  const isFree = (letter: string) => /^[a-z]$/.test(letter) && !isTakenAfterG(letter) && !letters.has(letter);
  for (const object of navigationObjects(model)) {
    const plain = object.labelPlural.normalize('NFD').toLowerCase();
    const free = [...plain, ...'abcdefghijklmnopqrstuvwxyz'].find(isFree);
    if (free) letters.set(free, object);
  }
  return letters;
}
