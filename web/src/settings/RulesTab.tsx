import { Button, Switch } from '@mantine/core';
import { IconPlus, IconShieldCheck } from '@tabler/icons-react';
import { useState } from 'react';
import { Message } from '../app/Message.tsx';
import { formatDay } from '../model/dates.ts';
import { fieldById } from '../model/lookup.ts';
import { withArticle } from '../model/names.ts';
import type { ModelField, ModelObject, ModelRule } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import classes from './lists.module.css';
import { proposeChanges } from './planStore.ts';
import { RulePanel } from './RulePanel.tsx';
import page from './settings.module.css';
import { t } from '../language/t.ts';
import { andList } from '../language/lists.ts';

interface RulesTabProps {
  object: ModelObject;
  onOpenField: (field: ModelField) => void;
}

const since = (when: string | null): string | null =>
  when ? t('for records since {when}', { when: formatDay(when.slice(0, 10)) }) : null;

function RuleLine({ object, rule, onOpen }: { object: ModelObject; rule: ModelRule; onOpen: () => void }) {
  const field = fieldById(object, rule.fieldId);
  const toggle = (isActive: boolean) =>
    proposeChanges(isActive ? t('Apply the rule') : t('Suspend the rule'), [
      { op: 'update', table: 'rules', id: rule.id, values: { isActive } },
    ]).catch((cause: unknown) => announceFailure(t('The rule was not changed'), cause));
  return (
    <li className={classes.line} data-inactive={!rule.isActive || undefined}>
      <button type="button" className={classes.main} onClick={onOpen}>
        <strong>{rule.text || rule.message || t('A rule')}</strong>
        <small>
          {[field ? field.label : t('Whole record'), rule.message ? `“${rule.message}”` : null]
            .filter(Boolean)
            .join(' · ')}
        </small>
      </button>
      <Switch
        size="xs"
        checked={rule.isActive}
        aria-label={t('{text}: applies', { text: rule.text || t('Rule') })}
        onChange={(event) => void toggle(event.currentTarget.checked)}
      />
    </li>
  );
}

/** What the records of an object must fulfil, field by field and as a whole, in plain words. */
export function RulesTab({ object, onOpenField }: RulesTabProps) {
  const [edited, setEdited] = useState<ModelRule | 'new' | null>(null);
  const byField = object.fields.filter((field) => !field.isSystem && (field.isRequired || field.isUnique));
  const add = (
    <Button
      leftSection={<IconPlus size={14} stroke={2.2} />}
      onClick={() => setEdited('new')}
      disabled={!object.isActive}
      className={page.barEnd}
    >
      {t('Add rule')}
    </Button>
  );
  return (
    <div
      className={page.page}
      tabIndex={0}
      role="region"
      aria-label={t('Rules of {labelPlural}', { labelPlural: object.labelPlural })}
    >
      <div className={page.inner}>
        {object.rules.length === 0 && byField.length === 0 ? (
          <Message icon={<IconShieldCheck size={22} stroke={1.5} />} title={t('Anything goes')} actions={add}>
            {t(
              'A rule says what {labelSingular} must fulfil. The database keeps it, whoever writes: this screen, the API, an import or psql.',
              { labelSingular: withArticle(object.labelSingular) },
            )}
          </Message>
        ) : (
          <>
            <div className={page.bar}>{add}</div>
            <ul className={classes.lines} aria-label={t('Rules')}>
              {object.rules.map((rule) => (
                <RuleLine key={rule.id} object={object} rule={rule} onOpen={() => setEdited(rule)} />
              ))}
            </ul>
            {byField.length > 0 ? (
              <>
                <h2 className={classes.heading}>{t('Kept by the fields themselves')}</h2>
                <ul className={classes.lines} aria-label={t('Rules of fields')}>
                  {byField.map((field) => (
                    <li key={field.id} className={classes.line}>
                      <button type="button" className={classes.main} onClick={() => onOpenField(field)}>
                        <strong>
                          {t('{label} is {value}', {
                            label: field.label,
                            value: andList([
                              ...(field.isRequired ? [t('required')] : []),
                              ...(field.isUnique ? [t('unique')] : []),
                            ]),
                          })}
                        </strong>
                        {field.requiredFrom ? (
                          <small>{t('Required {requiredFrom}', { requiredFrom: since(field.requiredFrom) })}</small>
                        ) : null}
                      </button>
                    </li>
                  ))}
                </ul>
              </>
            ) : null}
          </>
        )}
      </div>
      {edited ? (
        <RulePanel object={object} rule={edited === 'new' ? null : edited} onClose={() => setEdited(null)} />
      ) : null}
    </div>
  );
}
