import { Skeleton } from '@mantine/core';
import { dependents } from '../model/inquiries.ts';
import classes from './editor.module.css';
import { useInquiry } from './useInquiry.ts';

interface DependentsProps {
  kind: 'object' | 'field' | 'option';
  id: string;
  optionValue?: string;
}

/** What uses a part of the model, so that nobody is surprised by what stops working without it. */
export function Dependents({ kind, id, optionValue }: DependentsProps) {
  const { answer, failure } = useInquiry(`${kind} ${id} ${optionValue ?? ''}`, () =>
    dependents(kind, id, optionValue ?? null),
  );
  if (failure) return <p className={classes.note}>{failure.message}</p>;
  if (!answer) return <Skeleton height={14} width="60%" />;
  if (answer.length === 0) return <p className={classes.note}>Nothing else in the model uses it.</p>;
  return (
    <div className={classes.note}>
      Used by
      <ul className={classes.uses}>
        {answer.map((each) => (
          <li key={`${each.kind} ${each.id} ${each.how}`}>
            <strong>{each.label}</strong>{' '}
            {each.kind === 'records'
              ? each.objectLabel?.toLowerCase()
              : `(${each.kind.replaceAll('_', ' ')}${each.objectLabel ? ` of ${each.objectLabel.toLowerCase()}` : ''})`}{' '}
            {each.how}
          </li>
        ))}
      </ul>
    </div>
  );
}
