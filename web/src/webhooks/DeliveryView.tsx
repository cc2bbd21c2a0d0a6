import { Button, Group, Skeleton } from '@mantine/core';
import { formatRelative } from '../model/dates.ts';
import { ReadFailure } from '../records/ReadFailure.tsx';
import security from '../security/security.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import { askDelivery, type Delivery } from './webhooks.ts';
import classes from './webhooks.module.css';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';

interface DeliveryViewProps {
  webhookId: string;
  delivery: Delivery;
  onRetry: () => void;
}

/** JSON in lines, if it is whole. */
function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

const headerText = (headers: { [name: string]: string }) =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');

/** What was sent and answered, and each attempt. */
export function DeliveryView({ webhookId, delivery, onRetry }: DeliveryViewProps) {
  const { answer, failure, again } = useInquiry(`delivery ${delivery.id} ${delivery.attempts} ${delivery.state}`, () =>
    askDelivery(webhookId, delivery.id),
  );
  if (failure) return <ReadFailure what={t('The delivery')} failure={failure} onRetry={again} />;
  if (!answer) return <Skeleton height={120} />;
  return (
    <div className={classes.detail}>
      <Group justify="space-between" gap={8}>
        <p className={security.note}>
          {delivery.state === 'PENDING' && delivery.nextAttemptAt ? (
            <Trans
              text={'webhook-id {value}, tried again {nextAttemptAt}'}
              values={{
                value: <code>{delivery.messageId}</code>,
                nextAttemptAt: formatRelative(delivery.nextAttemptAt),
              }}
            />
          ) : (
            <Trans text={'webhook-id {value}'} values={{ value: <code>{delivery.messageId}</code> }} />
          )}
        </p>
        <Button variant="default" size="xs" onClick={onRetry}>
          {delivery.state === 'PENDING' ? t('Try now') : t('Send again')}
        </Button>
      </Group>
      {answer.request ? (
        <>
          <h3 className={security.small}>{t('Sent')}</h3>
          <pre className={classes.text} tabIndex={0} aria-label={t('What was sent')}>
            {headerText(answer.request.headers)}
            {'\n\n'}
            {pretty(answer.request.body)}
          </pre>
        </>
      ) : (
        <p className={security.note}>{t('It was not sent yet.')}</p>
      )}
      {answer.response && delivery.status !== null ? (
        <>
          <h3 className={security.small}>{t('Answered {status}', { status: delivery.status })}</h3>
          <pre className={classes.text} tabIndex={0} aria-label={t('What was answered')}>
            {headerText(answer.response.headers)}
            {answer.response.body ? `\n\n${pretty(answer.response.body)}` : ''}
          </pre>
        </>
      ) : null}
      {answer.attempts.length > 1 ? (
        <>
          <h3 className={security.small}>{t('Attempts')}</h3>
          <ol className={classes.attempts}>
            {answer.attempts.map((attempt) => (
              <li key={attempt.at}>
                {t('{at}: {error} ({ms} ms)', {
                  at: formatRelative(attempt.at),
                  error: attempt.error ?? `${attempt.status}`,
                  ms: attempt.ms,
                })}
              </li>
            ))}
          </ol>
        </>
      ) : null}
    </div>
  );
}
