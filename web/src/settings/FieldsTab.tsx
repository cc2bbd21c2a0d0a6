import { countText } from '../model/formats.ts';
import { Button, Switch, TextInput, Tooltip } from '@mantine/core';
import { IconGripVertical, IconKey, IconPlus, IconSearch } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useRef, useState } from 'react';
import { useLineHeight } from '../app/density.ts';
import { Message } from '../app/Message.tsx';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { targetsOf } from '../model/describe.ts';
import type { Change } from '../model/planning.ts';
import { useWholeModel } from '../model/store.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import classes from './fields.module.css';
import { proposeChanges } from './planStore.ts';
import page from './settings.module.css';
import { inOrder, useReorder } from './useReorder.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const ROW = 44;

interface FieldsTabProps {
  object: ModelObject;
  onOpen: (field: ModelField) => void;
  onAdd: () => void;
}

const typeText = (model: Model, field: ModelField): string => {
  const label = FIELD_TYPES[field.type].label;
  if (field.resultType) return `${label}, ${inSentence(FIELD_TYPES[field.resultType].label)}`;
  const targets = field.type === 'MEMBER' ? [] : targetsOf(model, field).map((target) => target.labelSingular);
  if (targets.length === 0) return label;
  return `${label}: ${targets.length > 2 ? t('{count} objects', { count: targets.length }) : targets.join(', ')}`;
};

function marks(field: ModelField): string[] {
  return [
    field.isActive ? '' : 'deactivated',
    field.isRequired ? (field.requiredFrom ? t('required of new') : t('required')) : '',
    field.isUnique ? t('unique') : '',
    field.isSystem ? 'system' : '',
  ].filter(Boolean);
}

/** The positions to write so that the fields stand in this order: of the moved one alone, if there is room for it. */
function positionsFor(fields: ModelField[], moved: ModelField, at: (field: ModelField) => number): [string, number][] {
  const index = fields.indexOf(moved);
  const [before, after] = [fields[index - 1], fields[index + 1]].map((field) => field && at(field));
  if (before === undefined) return [[moved.id, (after ?? 0) - 1]];
  if (after === undefined) return [[moved.id, before + 1]];
  const between = (before + after) / 2;
  if (before < between && between < after) return [[moved.id, between]];
  return fields.map((field, place) => [field.id, place]);
}

export function FieldsTab({ object, onOpen, onAdd }: FieldsTabProps) {
  const model = useWholeModel();
  const [query, setQuery] = useState('');
  const [showSystem, setShowSystem] = useState(false);
  /** Positions that people see at once, while the database is told: they may move on before it has answered. */
  const [placed, setPlaced] = useState<{ [fieldId: string]: number }>({});
  const unsaved = useRef(new Map<string, number>());
  const saving = useRef(false);
  const positionOf = (field: ModelField) => placed[field.id] ?? field.position;
  const wanted = query.trim().toLowerCase();
  const sorted = object.fields
    .filter((field) => showSystem || !field.isSystem)
    .sort(
      (a, b) =>
        Number(b.isActive) - Number(a.isActive) ||
        Number(a.isSystem) - Number(b.isSystem) ||
        positionOf(a) - positionOf(b),
    );
  const fields =
    wanted === ''
      ? sorted
      : sorted.filter((field) =>
          `${field.label} ${field.name} ${FIELD_TYPES[field.type].label}`.toLowerCase().includes(wanted),
        );

  const scroll = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const height = useLineHeight(ROW);
  const rows = useVirtualizer({
    count: fields.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => height,
    // Of another height they are others.
    getItemKey: useCallback((index: number) => `${height} ${index}`, [height]),
    overscan: 8,
    scrollMargin: list.current?.offsetTop ?? 0,
  });
  const savePositions = async () => {
    if (saving.current) return;
    saving.current = true;
    while (unsaved.current.size > 0) {
      const changes: Change[] = [...unsaved.current].map(([id, position]) => ({
        op: 'update',
        table: 'fields',
        id,
        values: { position },
      }));
      unsaved.current.clear();
      try {
        await proposeChanges(t('Order of the fields'), changes);
      } catch (cause) {
        announceFailure(t('The order was not saved'), cause);
      }
    }
    saving.current = false;
    setPlaced({});
  };
  const move = (from: number, to: number) => {
    const field = fields[from];
    if (!field || field.isSystem || wanted !== '') return;
    const group = inOrder(fields, from, to).filter((each) => each.isActive === field.isActive && !each.isSystem);
    const positions = positionsFor(group, field, positionOf);
    setPlaced({ ...placed, ...Object.fromEntries(positions) });
    for (const [id, position] of positions) unsaved.current.set(id, position);
    void savePositions();
  };
  const reorder = useReorder(list, height, fields.length, move);

  return (
    <div
      ref={scroll}
      className={page.page}
      tabIndex={0}
      role="region"
      aria-label={t('Fields of {labelPlural}', { labelPlural: object.labelPlural })}
    >
      <div className={page.inner}>
        <div className={page.bar}>
          <TextInput
            size="xs"
            className={page.find}
            leftSection={<IconSearch size={14} />}
            placeholder={t('Find one of {count} fields', { count: countText(sorted.length) })}
            aria-label={t('Find a field')}
            value={query}
            onChange={(event) => setQuery(event.currentTarget.value)}
          />
          <Switch
            size="xs"
            label={t('System fields')}
            checked={showSystem}
            onChange={(event) => setShowSystem(event.currentTarget.checked)}
          />
          <Button
            leftSection={<IconPlus size={14} stroke={2.2} />}
            onClick={onAdd}
            disabled={!object.isActive}
            className={page.barEnd}
          >
            {t('Add field')}
          </Button>
        </div>
        {fields.length === 0 ? (
          <Message
            title={wanted ? t('No field matches “{query}”', { query }) : t('No fields yet')}
            actions={
              wanted ? (
                <Button variant="default" onClick={() => setQuery('')}>
                  {t('Show all')}
                </Button>
              ) : (
                <Button onClick={onAdd}>{t('Add the first field')}</Button>
              )
            }
          />
        ) : (
          <div role="table" aria-label={t('Fields')} aria-rowcount={fields.length}>
            <div role="rowgroup" ref={list} className={classes.list} style={{ height: rows.getTotalSize() }}>
              {rows.getVirtualItems().map((item) => {
                const field = fields[item.index];
                if (!field) return null;
                const TypeIcon = FIELD_TYPES[field.type].icon;
                const canMove = !field.isSystem && wanted === '';
                return (
                  <div
                    key={field.id}
                    role="row"
                    aria-rowindex={item.index + 1}
                    className={classes.row}
                    data-inactive={!field.isActive || undefined}
                    data-drop={reorder.drop(item.index)}
                    data-dragged={reorder.drag?.from === item.index || undefined}
                    style={{ height, transform: `translateY(${item.start - rows.options.scrollMargin}px)` }}
                    onClick={(event) => {
                      if (!(event.target as HTMLElement).closest('button')) onOpen(field);
                    }}
                  >
                    <span role="cell" className={classes.gripCell}>
                      {canMove ? (
                        <button
                          type="button"
                          className={classes.grip}
                          aria-label={t('Move {label}: drag, or use the arrow keys', { label: field.label })}
                          {...reorder.handle(item.index)}
                        >
                          <IconGripVertical size={14} aria-hidden />
                        </button>
                      ) : null}
                    </span>
                    <span role="cell" className={classes.label}>
                      <TypeIcon size={16} stroke={1.75} aria-hidden />
                      <button
                        type="button"
                        className={classes.open}
                        title={field.description ?? undefined}
                        onClick={() => onOpen(field)}
                      >
                        {field.label}
                      </button>
                      {field.id === object.labelFieldId ? (
                        <Tooltip label={t('Names the records')}>
                          <IconKey size={14} stroke={1.75} aria-label={t('Names the records')} />
                        </Tooltip>
                      ) : null}
                    </span>
                    <span role="cell" className={classes.type}>
                      {typeText(model, field)}
                    </span>
                    <span role="cell" className={classes.name}>
                      <code>{field.name}</code>
                    </span>
                    <span role="cell" className={classes.marks}>
                      {marks(field).map((mark) => (
                        <span key={mark} className={classes.mark}>
                          {mark}
                        </span>
                      ))}
                    </span>
                  </div>
                );
              })}
            </div>
          </div>
        )}
      </div>
    </div>
  );
}
