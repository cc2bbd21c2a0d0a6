import { Button } from '@mantine/core';
import { IconAdjustments, IconCheck, IconMinus, IconX } from '@tabler/icons-react';
import { ObjectIcon } from '../../fields/ObjectIcon.tsx';
import type { ModelObject } from '../../model/types.ts';
import { EMPTY_OBJECT, type ObjectDraft, type RoleDraft } from './roleDraft.ts';
import { ACTION_LABELS, ACTIONS } from './roles.ts';
import classes from './roles.module.css';
import { t } from '../../language/t.ts';

interface ObjectMatrixProps {
  objects: ModelObject[];
  draft: RoleDraft;
  /** Absent where the role cannot be changed. */
  onChange?: ((draft: RoleDraft) => void) | undefined;
  onOpen: (objectId: string) => void;
}

/** Members come and go by invitation, whatever the role. */
const isFixed = (object: ModelObject, action: string): boolean =>
  object.nameSingular === 'workspaceMember' && action !== 'Read' && action !== 'Update';

/** As default, yes, no, and round again. */
const following = (own: boolean | null): boolean | null => (own === null ? true : own ? false : null);

function Mark({ allowed }: { allowed: boolean }) {
  return allowed ? <IconCheck size={15} stroke={2.2} aria-hidden /> : <IconMinus size={14} aria-hidden />;
}

const narrowing = (draft: ObjectDraft | undefined): string => {
  const fields = Object.keys(draft?.fields ?? {}).length;
  const rules = Object.keys(draft?.rules ?? {}).length;
  return [
    fields > 0 || draft?.fieldMode === 'ONLY' ? t('{fields, plural, one {# field} other {# fields}}', { fields }) : '',
    rules > 0 ? t('{rules, plural, one {# rule} other {# rules}}', { rules }) : '',
  ]
    .filter(Boolean)
    .join(', ');
};

export function ObjectMatrix({ objects, draft, onChange, onOpen }: ObjectMatrixProps) {
  const setOwn = (objectId: string, right: `can${(typeof ACTIONS)[number]}`) => {
    const before = draft.objects[objectId] ?? EMPTY_OBJECT;
    onChange?.({
      ...draft,
      objects: { ...draft.objects, [objectId]: { ...before, [right]: following(before[right]) } },
    });
  };
  return (
    <>
      <div className={classes.matrixWrap} tabIndex={0} role="region" aria-label={t('Rights by object')}>
        <table className={classes.matrix} aria-label={t('What the role may do')}>
          <thead>
            <tr>
              <th scope="col">{t('Object')}</th>
              {ACTIONS.map((action) => (
                <th key={action} scope="col">
                  {ACTION_LABELS[action]}
                </th>
              ))}
              <th scope="col">
                <span className="visually-hidden">{t('Fields and records')}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            <tr className={classes.defaults}>
              <th scope="row">{t('Every object')}</th>
              {ACTIONS.map((action) => {
                const right = `can${action}All` as const;
                return (
                  <td key={action}>
                    <button
                      type="button"
                      className={classes.state}
                      data-own={draft[right] ? 'yes' : 'no'}
                      disabled={!onChange}
                      aria-label={
                        draft[right]
                          ? t('{action} every object: yes', { action: ACTION_LABELS[action] })
                          : t('{action} every object: no', { action: ACTION_LABELS[action] })
                      }
                      onClick={() => onChange?.({ ...draft, [right]: !draft[right] })}
                    >
                      {draft[right] ? <IconCheck size={15} stroke={2.2} /> : <IconX size={15} stroke={2.2} />}
                    </button>
                  </td>
                );
              })}
              <td />
            </tr>
            {objects.map((object) => {
              const own = draft.objects[object.id];
              return (
                <tr key={object.id}>
                  <th scope="row">
                    <span className={classes.object}>
                      <ObjectIcon name={object.icon} color={object.color} />
                      {object.labelPlural}
                    </span>
                  </th>
                  {ACTIONS.map((action) => {
                    if (isFixed(object, action))
                      return (
                        <td key={action}>
                          <span className={classes.never} title={t('Members come and go by invitation')}>
                            <IconMinus size={14} aria-hidden />
                            <span className="visually-hidden">
                              {t('{action} {labelPlural}: never', {
                                action: ACTION_LABELS[action],
                                labelPlural: object.labelPlural,
                              })}
                            </span>
                          </span>
                        </td>
                      );
                    const given = own?.[`can${action}`] ?? null;
                    const allowed = given ?? draft[`can${action}All`];
                    const said =
                      given === null
                        ? allowed
                          ? t('as every object, yes')
                          : t('as every object, no')
                        : given
                          ? 'yes'
                          : 'no';
                    return (
                      <td key={action}>
                        <button
                          type="button"
                          className={classes.state}
                          data-own={given === null ? 'default' : given ? 'yes' : 'no'}
                          disabled={!onChange}
                          aria-label={`${action} ${object.labelPlural}: ${said}`}
                          title={said}
                          onClick={() => setOwn(object.id, `can${action}`)}
                        >
                          {given === false ? <IconX size={15} stroke={2.2} aria-hidden /> : <Mark allowed={allowed} />}
                        </button>
                      </td>
                    );
                  })}
                  <td>
                    {onChange || narrowing(own) ? (
                      <Button
                        size="compact-xs"
                        variant={narrowing(own) ? 'light' : 'subtle'}
                        color={narrowing(own) ? undefined : 'gray'}
                        aria-label={t('{own} of {labelPlural}', {
                          own: narrowing(own) || t('All fields, all records'),
                          labelPlural: object.labelPlural,
                        })}
                        onClick={() => onOpen(object.id)}
                      >
                        <IconAdjustments size={16} className={classes.narrowOnly} aria-hidden />
                        <span className={classes.wideOnly}>{narrowing(own) || t('All fields, all records')}</span>
                      </Button>
                    ) : (
                      <span className={`${classes.narrowed} ${classes.wideOnly}`}>{t('All fields, all records')}</span>
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <div className={classes.legend}>
        <span>
          <i className={classes.state} data-own="default">
            <IconCheck size={14} aria-hidden />
          </i>
          {t('as every object')}
        </span>
        <span>
          <i className={classes.state} data-own="yes">
            <IconCheck size={14} aria-hidden />
          </i>
          {t('yes')}
        </span>
        <span>
          <i className={classes.state} data-own="no">
            <IconX size={14} aria-hidden />
          </i>
          {t('no')}
        </span>
        {onChange ? <span>{t('A click goes on to the next. Destroying is emptying from the trash.')}</span> : null}
      </div>
    </>
  );
}
