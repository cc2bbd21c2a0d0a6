import { IconCheck } from '@tabler/icons-react';
import { useEffect, useRef } from 'react';
import { fieldById } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { isEditable } from '../model/text.ts';
import type { ModelField } from '../model/types.ts';
import { readValue } from '../model/values.ts';
import classes from './layout.module.css';
import { useOpenRecord } from './openRecord.ts';
import { RecordField } from './RecordField.tsx';
import { t } from '../language/t.ts';

/** The stages that a record goes through. What must be known before it may enter one is asked here. */
export function StagePath({ field }: { field: ModelField }) {
  const { model, object, row, saves, save, drop } = useOpenRecord();
  const path = useRef<HTMLOListElement>(null);
  const state = saves[field.id];
  const refusal = state?.kind === 'refused' ? state.refusal : null;
  const now = readValue(model, field, row);
  const options = [...(field.options ?? [])].sort((a, b) => a.position - b.position);
  const at = options.findIndex(({ value }) => value === now);
  // Where not all stages have room, the one that it is at is in sight.
  useEffect(() => {
    const step = path.current?.children[at];
    if (step instanceof HTMLElement && path.current)
      path.current.scrollLeft = step.offsetLeft - (path.current.clientWidth - step.offsetWidth) / 2;
  }, [at]);
  const wanted = options.find(({ value }) => value === refusal?.value);
  const mayMove = rightsOf(object).canUpdate && isEditable(field);
  const asked = refusal?.needs ? fieldById(object, refusal.needs.id) : undefined;
  return (
    <div className={classes.stages}>
      <ol ref={path} className={classes.path} aria-label={field.label}>
        {options.map((option, index) => (
          <li key={option.value} className={classes.step} data-done={index < at || undefined}>
            <button
              type="button"
              className={classes.stepButton}
              aria-current={index === at ? 'step' : undefined}
              data-told={index === at || undefined}
              aria-disabled={!mayMove || undefined}
              data-asked={option === wanted || undefined}
              onClick={() => {
                if (mayMove && index !== at) save(field, option.value);
              }}
            >
              {index < at ? <IconCheck size={13} stroke={2.4} aria-hidden /> : null}
              <span>{option.label}</span>
            </button>
          </li>
        ))}
      </ol>
      {refusal && wanted ? (
        <div className={classes.asking} role="group" aria-label={t('Before {label}', { label: wanted.label })}>
          <p role="alert" className={classes.askingText}>
            {refusal.reason}
          </p>
          {asked ? <RecordField field={asked} isAsked /> : null}
          <button type="button" className={classes.leave} onClick={() => drop(field)}>
            {t('Leave it as it is')}
          </button>
        </div>
      ) : null}
    </div>
  );
}
