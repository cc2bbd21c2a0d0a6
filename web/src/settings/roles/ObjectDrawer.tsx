import { Button, Drawer, NativeSelect, SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import { visibleFields } from '../../model/lookup.ts';
import type { ModelObject } from '../../model/types.ts';
import editor from '../editor.module.css';
import { RecordRuleEditor } from './RecordRuleEditor.tsx';
import { accessTo, EMPTY_OBJECT, withAccess, withMode, type FieldAccess, type ObjectDraft } from './roleDraft.ts';
import { type FieldMode, type RuleAction } from './roles.ts';
import classes from './roles.module.css';
import { t } from '../../language/t.ts';

const ACCESS: { value: FieldAccess; label: string }[] = [
  { value: 'EDIT', label: t('Read and update') },
  { value: 'READ', label: t('Read') },
  { value: 'HIDDEN', label: t('Hidden') },
  { value: 'WRITE_ONLY', label: t('Update, not read') },
];

const RULES: { action: RuleAction; title: string; note: string }[] = [
  { action: 'READ', title: t('Sees records where'), note: t('Every record.') },
  { action: 'UPDATE', title: t('Updates records where'), note: t('Every record that it sees.') },
  { action: 'DELETE', title: t('Deletes records where'), note: t('Every record that it sees.') },
];

interface ObjectDrawerProps {
  object: ModelObject;
  roleName: string;
  draft: ObjectDraft | undefined;
  readOnly: boolean;
  onClose: () => void;
  onTake: (draft: ObjectDraft) => void;
}

/** Which fields and which records of an object a role has. */
export function ObjectDrawer({ object, roleName, draft: given, readOnly, onClose, onTake }: ObjectDrawerProps) {
  const [draft, setDraft] = useState<ObjectDraft>(given ?? EMPTY_OBJECT);
  const [checks, setChecks] = useState<{ [action in RuleAction]?: boolean | null }>({});
  const fields = visibleFields(object).filter((field) => field.type !== 'MANY_TO_MANY');
  const isRight = Object.values(checks).every((ok) => ok === true);
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size={560}
      title={`${roleName}: ${object.labelPlural}`}
      classNames={{
        header: editor.panelHeader,
        title: editor.panelTitle,
        body: editor.panelBody,
        content: editor.panel,
      }}
    >
      <div className={editor.panelScroll}>
        <div className={classes.block}>
          <h3 className={classes.heading}>{t('Records')}</h3>
          <p className={classes.note}>
            {t(
              'Beside these, a record is seen by those with whom it was shared. Updating and deleting also ask that the record is seen.',
            )}
          </p>
          {RULES.map(({ action, title, note }) => (
            <RecordRuleEditor
              key={action}
              object={object}
              title={title}
              note={note}
              value={draft.rules[action]}
              disabled={readOnly}
              onChange={(text) =>
                setDraft((now) => {
                  const rules = { ...now.rules };
                  if (text === undefined) delete rules[action];
                  else rules[action] = text;
                  return { ...now, rules };
                })
              }
              onChecked={(ok) => setChecks((now) => (now[action] === ok ? now : { ...now, [action]: ok }))}
            />
          ))}
        </div>
        <div className={classes.block}>
          <h3 className={classes.heading}>{t('Fields')}</h3>
          <SegmentedControl
            size="xs"
            aria-label={t('Which fields')}
            disabled={readOnly}
            data={[
              { value: 'ALL_EXCEPT', label: t('Every field but …') },
              { value: 'ONLY', label: t('Only …') },
            ]}
            value={draft.fieldMode}
            onChange={(mode) =>
              setDraft(
                withMode(
                  draft,
                  mode as FieldMode,
                  fields.map((field) => field.id),
                ),
              )
            }
          />
          <p className={classes.note} style={{ margin: '8px 0 0' }}>
            {draft.fieldMode === 'ONLY'
              ? t('Fields that are added later are hidden until you say otherwise.')
              : t('Fields that are added later are read and updated.')}
          </p>
          <ul className={classes.fields} aria-label={t('Fields')}>
            {fields.map((field) => {
              const access = accessTo(draft, field.id);
              return (
                <li key={field.id} data-own={draft.fields[field.id] ? true : undefined}>
                  <span className={classes.fieldName}>{field.label}</span>
                  <NativeSelect
                    size="xs"
                    className={classes.access}
                    aria-label={t('Access to {label}', { label: field.label })}
                    disabled={readOnly}
                    data={ACCESS.filter((each) => each.value !== 'WRITE_ONLY' || access === 'WRITE_ONLY')}
                    value={access}
                    onChange={(event) =>
                      setDraft(withAccess(draft, field.id, event.currentTarget.value as FieldAccess))
                    }
                  />
                </li>
              );
            })}
          </ul>
        </div>
      </div>
      <div className={editor.panelFoot} style={{ display: 'flex', justifyContent: 'flex-end' }}>
        <Button variant="default" onClick={onClose}>
          {readOnly ? t('Close') : t('Cancel')}
        </Button>
        {readOnly ? null : (
          <Button disabled={!isRight} onClick={() => onTake(draft)}>
            {t('Take over')}
          </Button>
        )}
      </div>
    </Drawer>
  );
}
