import { Alert, Button, Group, Skeleton } from '@mantine/core';
import { formatRelative } from '../model/dates.ts';
import security from '../security/security.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import { askDelivery, type Delivery } from './webhooks.ts';
import classes from './webhooks.module.css';

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
  const { answer, failure } = useInquiry(`delivery ${delivery.id} ${delivery.attempts} ${delivery.state}`, () =>
    askDelivery(webhookId, delivery.id),
  );
  if (failure)
    return (
      <Alert color="red" role="alert" title={failure.message}>
        {failure.hint}
      </Alert>
    );
  if (!answer) return <Skeleton height={120} />;
  return (
    <div className={classes.detail}>
      <Group justify="space-between" gap={8}>
        <p className={security.note}>
          webhook-id <code>{delivery.messageId}</code>
          {delivery.state === 'PENDING' && delivery.nextAttemptAt
            ? `, tried again ${formatRelative(delivery.nextAttemptAt)}`
            : ''}
        </p>
        <Button variant="default" size="xs" onClick={onRetry}>
          {delivery.state === 'PENDING' ? 'Try now' : 'Send again'}
        </Button>
      </Group>
      {answer.request ? (
        <>
          <h3 className={security.small}>Sent</h3>
          <pre className={classes.text} tabIndex={0} aria-label="What was sent">
            {headerText(answer.request.headers)}
            {'\n\n'}
            {pretty(answer.request.body)}
          </pre>
        </>
      ) : (
        <p className={security.note}>It was not sent yet.</p>
      )}
      {answer.response && delivery.status !== null ? (
        <>
          <h3 className={security.small}>Answered {delivery.status}</h3>
          <pre className={classes.text} tabIndex={0} aria-label="What was answered">
            {headerText(answer.response.headers)}
            {answer.response.body ? `\n\n${pretty(answer.response.body)}` : ''}
          </pre>
        </>
      ) : null}
      {answer.attempts.length > 1 ? (
        <>
          <h3 className={security.small}>Attempts</h3>
          <ol className={classes.attempts}>
            {answer.attempts.map((attempt) => (
              <li key={attempt.at}>
                {formatRelative(attempt.at)}: {attempt.error ?? `${attempt.status}`} ({attempt.ms} ms)
              </li>
            ))}
          </ol>
        </>
      ) : null}
    </div>
  );
}
