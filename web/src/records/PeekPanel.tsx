import { ActionIcon, Tooltip } from '@mantine/core';
import { IconArrowsDiagonal, IconChevronDown, IconChevronUp, IconX } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { CommentsCard } from '../comments/CommentsCard.tsx';
import { Avatar } from '../fields/Avatar.tsx';
import { labelField, relatedLists, visibleFields } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { recordLabel } from '../model/values.ts';
import { Timeline } from '../timeline/Timeline.tsx';
import { FieldRow } from './FieldRow.tsx';
import { LinksCard } from './LinksCard.tsx';
import classes from './peek.module.css';
import { RelatedList } from './RelatedList.tsx';
import { isUnread } from './tableStore.ts';
import { useRecord } from './useRecord.ts';

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
      aria-label={`Peek at a ${object.labelSingular.toLowerCase()}`}
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
        <Tooltip label="Previous">
          <ActionIcon variant="subtle" color="gray" aria-label="Peek at the previous one" onClick={() => onMove(-1)}>
            <IconChevronUp size={16} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Next">
          <ActionIcon variant="subtle" color="gray" aria-label="Peek at the next one" onClick={() => onMove(1)}>
            <IconChevronDown size={16} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Open the page">
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label="Open its page"
            renderRoot={(root) => (
              <Link to="/objects/$namePlural/$id" params={{ namePlural: object.namePlural, id }} {...root} />
            )}
          >
            <IconArrowsDiagonal size={16} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Close (Esc)">
          <ActionIcon variant="subtle" color="gray" ml="auto" aria-label="Close the peek" onClick={onClose}>
            <IconX size={16} />
          </ActionIcon>
        </Tooltip>
      </header>
      <Peeked key={id} {...props} />
    </aside>
  );
}

function Peeked({ model, object, id }: PeekPanelProps) {
  const fields = visibleFields(object);
  const label = labelField(object);
  const { row, status, saves, flashing, save, refuse, drop } = useRecord(model, object, id, fields);
  const rights = rightsOf(object);
  if (status === 'missing' || status === 'failed')
    return <p className={classes.quiet}>This record is not here. It was deleted, or is not shared with you.</p>;
  const title = row ? recordLabel(model, object, row) || 'Untitled' : '';
  return (
    <div className={classes.body} aria-busy={row === null} tabIndex={0} role="region" aria-label={title || 'Loading'}>
      <div className={classes.title}>
        {row ? <Avatar label={title} seed={id} size={32} round={object.nameSingular === 'person'} /> : null}
        <h2>{title}</h2>
      </div>
      {fields.map((field) =>
        row && !field.junction && !isUnread(row, field) ? (
          <FieldRow
            key={field.id}
            model={model}
            field={field}
            row={row}
            save={saves[field.id]}
            flashing={flashing.includes(field.name)}
            readOnly={!rights.canUpdate}
            emphasis={field === label}
            onSave={(value) => void save(field, value)}
            onUnread={(text, reason) => refuse(field, text, reason)}
            onDrop={() => drop(field)}
          />
        ) : null,
      )}
      {row ? (
        <>
          {fields.map((field) =>
            field.junction ? <LinksCard key={field.id} model={model} field={field} id={id} /> : null,
          )}
          {relatedLists(model, object).map((list) => (
            <RelatedList key={list.key} model={model} list={list} id={id} />
          ))}
          <CommentsCard object={object} id={id} />
          <Timeline model={model} object={object} id={id} />
        </>
      ) : null}
    </div>
  );
}
