import { ActionIcon, Tooltip } from '@mantine/core';
import { IconArrowsDiagonal, IconChevronDown, IconChevronUp, IconX } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { useLayout } from '../layout/layouts.ts';
import { OpenRecordProvider } from '../layout/openRecord.ts';
import { fieldsToRead, RecordBody, useFieldsShown } from '../layout/RecordBody.tsx';
import { RecordSkeleton } from '../layout/RecordSkeleton.tsx';
import { visibleFields } from '../model/lookup.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { recordLabel } from '../model/values.ts';
import classes from './peek.module.css';
import { demandsOf, useRecord } from './useRecord.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface PeekPanelProps {
  model: Model;
  object: ModelObject;
  id: string;
  /** Goes to the row above or below; absent at the ends. */
  onMove: (by: -1 | 1) => void;
  onClose: () => void;
}

/** A record beside the table that it stands in: the parts of its page, for one row after the other. */
export function PeekPanel(props: PeekPanelProps) {
  const { object, onMove, onClose, id } = props;
  return (
    <aside
      className={classes.panel}
      aria-label={t('Peek at a {labelSingular}', { labelSingular: inSentence(object.labelSingular) })}
      onKeyDown={(event) => {
        const isTyping = (event.target as HTMLElement).closest(
          'input, textarea, [contenteditable], [role="dialog"], [role="listbox"]',
        );
        if (isTyping || event.defaultPrevented) return;
        if (event.key === 'Escape') onClose();
        else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') onMove(event.key === 'ArrowDown' ? 1 : -1);
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      <header className={classes.head}>
        <Tooltip label={t('Previous')}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t('Peek at the previous one')}
            onClick={() => onMove(-1)}
          >
            <IconChevronUp size={16} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label={t('Next')}>
          <ActionIcon variant="subtle" color="gray" aria-label={t('Peek at the next one')} onClick={() => onMove(1)}>
            <IconChevronDown size={16} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label={t('Open the page')}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t('Open its page')}
            renderRoot={(root) => (
              <Link to="/objects/$namePlural/$id" params={{ namePlural: object.namePlural, id }} {...root} />
            )}
          >
            <IconArrowsDiagonal size={16} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label={t('Close (Esc)')}>
          <ActionIcon variant="subtle" color="gray" ml="auto" aria-label={t('Close the peek')} onClick={onClose}>
            <IconX size={16} />
          </ActionIcon>
        </Tooltip>
      </header>
      <Peeked key={id} {...props} />
    </aside>
  );
}

function Peeked({ model, object, id }: PeekPanelProps) {
  const fields = useMemo(() => visibleFields(object), [object]);
  const layout = useLayout(model, object);
  const fieldsShown = useFieldsShown();
  const [tab, setTab] = useState<string | null>(null);
  const { row, status, ...state } = useRecord(model, object, id, fieldsToRead(layout, fields, fieldsShown));
  const demands = useMemo(() => demandsOf(state.saves), [state.saves]);
  if (status === 'missing' || status === 'failed')
    return <p className={classes.quiet}>{t('This record is not here. It was deleted, or is not shared with you.')}</p>;
  const title = row ? recordLabel(model, object, row) || t('Untitled') : '';
  return (
    <div
      className={classes.body}
      aria-busy={row === null}
      tabIndex={0}
      role="region"
      aria-label={title || t('Loading')}
    >
      {row && layout ? (
        <OpenRecordProvider
          value={{
            model,
            object,
            id,
            row,
            isNarrow: true,
            ...state,
            demands,
            save: (field, value) => void state.save(field, value),
            editedBy: () => undefined,
            onEditing: () => undefined,
            onPast: null,
          }}
        >
          <RecordBody layout={layout} fields={fieldsShown} tab={tab} onTab={setTab} />
        </OpenRecordProvider>
      ) : (
        <RecordSkeleton fields={fields.length} isNarrow />
      )}
    </div>
  );
}
