import { cloneElement, Fragment, type ReactElement, type ReactNode } from 'react';
import { chosen, shown, type Part } from '../../../db/message.ts';
import { forms, partsOf } from './t.ts';

interface TransProps {
  /** In English: 'Moved to <0>{place}</0>.' */
  text: string;
  values?: { [name: string]: ReactNode };
  /** The elements that stand for <0>, <1> and so on. */
  tags?: { [number: number]: ReactElement };
}

/** A text with elements within, which another language may have in another order. */
export function Trans({ text, values = {}, tags = {} }: TransProps) {
  const show = (parts: Part[]): ReactNode[] =>
    parts.map((part, index) => {
      if (typeof part === 'string') return part;
      if ('kind' in part)
        return <Fragment key={index}>{show(chosen(part, values[part.name], forms.plurals))}</Fragment>;
      if ('name' in part) {
        const value = values[part.name];
        const isNumber = part.isNumber === true || typeof value === 'number';
        return <Fragment key={index}>{isNumber ? shown(value, true, forms) : value}</Fragment>;
      }
      const element = tags[part.tag];
      return element ? (
        cloneElement(element, { key: index }, ...show(part.parts))
      ) : (
        <Fragment key={index}>{show(part.parts)}</Fragment>
      );
    });
  return <>{show(partsOf(text))}</>;
}
