import { Tooltip } from '@mantine/core';
import { Avatar } from '../fields/Avatar.tsx';
import type { ModelObject } from '../model/types.ts';
import classes from './presence.module.css';
import type { Present } from './usePresence.ts';
import { t } from '../language/t.ts';

const MOST = 4;

/** What a member does with the record, as a sentence. */
function sentence(object: ModelObject, { name, field }: Present): string {
  const label = object.fields.find((each) => each.name === field)?.label;
  return label ? t('{name} is editing {label}', { name, label }) : t('{name} is looking at this', { name });
}

/** Who else has the record open. */
export function PresentMembers({ object, others }: { object: ModelObject; others: Present[] }) {
  const shown = others.slice(0, others.length > MOST ? MOST - 1 : MOST);
  const rest = others.slice(shown.length);
  return (
    <div
      className={classes.members}
      role="group"
      aria-label={t('Also here')}
      data-empty={others.length === 0 || undefined}
    >
      {shown.map((one) => (
        <Tooltip key={one.memberId} label={sentence(object, one)}>
          <span
            className={classes.member}
            data-editing={one.field !== null || undefined}
            tabIndex={0}
            role="img"
            aria-label={sentence(object, one)}
          >
            <Avatar label={one.name} seed={one.memberId} size={24} round />
          </span>
        </Tooltip>
      ))}
      {rest.length > 0 ? (
        <Tooltip label={rest.map(({ name }) => name).join(', ')} multiline maw={280}>
          <span
            className={classes.more}
            tabIndex={0}
            role="img"
            aria-label={t('And {rest}', { rest: rest.map(({ name }) => name).join(', ') })}
          >
            +{rest.length}
          </span>
        </Tooltip>
      ) : null}
    </div>
  );
}
