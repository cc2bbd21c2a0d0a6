import { COLORS } from '../fields/Tag.tsx';
import { optionValue } from '../model/names.ts';
import type { FieldOption } from '../model/types.ts';

export interface DraftOption {
  key: number;
  /** Set for options that exist: records hold this value, so it stays when the label changes. */
  value: string | null;
  /** The value that a new option shall have; while it is null it follows from the label. */
  typed: string | null;
  label: string;
  color: string;
}

let nextKey = 0;

export const newOption = (index: number, label = ''): DraftOption => ({
  key: nextKey++,
  value: null,
  typed: null,
  label,
  color: COLORS[1 + (index % (COLORS.length - 1))] ?? 'gray',
});

export const draftOptions = (options: FieldOption[]): DraftOption[] =>
  [...options]
    .sort((a, b) => a.position - b.position)
    .map(({ value, label, color }) => ({ key: nextKey++, value, typed: null, label, color }));

/** The options as they are stored: those without a label dropped, each value unlike the others. */
export function cleanOptions(drafts: DraftOption[]): FieldOption[] {
  const taken = new Set(drafts.flatMap((draft) => draft.value ?? []));
  return drafts
    .filter((draft) => draft.label.trim() !== '')
    .map((draft, position) => {
      const wanted = draft.typed?.trim() || optionValue(draft.label);
      let value = draft.value ?? wanted;
      for (let n = 2; draft.value === null && taken.has(value); n++) value = `${wanted}_${n}`;
      taken.add(value);
      return { value, label: draft.label.trim(), color: draft.color, position };
    });
}
