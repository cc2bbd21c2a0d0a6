import { Alert, Badge, Button, Group, SegmentedControl, Skeleton } from '@mantine/core';
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { formatRelative } from '../model/dates.ts';
import security from '../security/security.module.css';
import { makeAct } from '../settings/act.ts';
import { useInquiry } from '../settings/useInquiry.ts';
import { DeliveryView } from './DeliveryView.tsx';
import { askDeliveries, askStats, PAGE, retryDelivery, type Delivery, type DeliveryState } from './webhooks.ts';
import classes from './webhooks.module.css';

const FILTERS = [
  { value: 'ALL', label: 'All' },
  { value: 'PENDING', label: 'Waiting' },
  { value: 'DELIVERED', label: 'Delivered' },
  { value: 'DEAD', label: 'Given up' },
];
const STATES: { [state in DeliveryState]: { color: string; label: string } } = {
  PENDING: { color: 'yellow', label: 'Waiting' },
  DELIVERED: { color: 'green', label: 'Delivered' },
  DEAD: { color: 'red', label: 'Given up' },
  SKIPPED: { color: 'gray', label: 'Left out' },
};
const AGAIN_MS = 4_000;

interface DeliveryLogProps {
  webhookId: string;
  onReplay: () => void;
}

/** What was sent, waits or was given up, the latest first. */
export function DeliveryLog({ webhookId, onReplay }: DeliveryLogProps) {
  const [filter, setFilter] = useState('ALL');
  const [older, setOlder] = useState<Delivery[]>([]);
  const [opened, setOpened] = useState<string | null>(null);
  const states = filter === 'ALL' ? null : [filter as DeliveryState];
  const { answer, failure, again } = useInquiry(`deliveries ${webhookId} ${filter}`, () =>
    askDeliveries(webhookId, states, null),
  );
  const stats = useInquiry(`stats ${webhookId}`, () => askStats(webhookId));
  const againStats = stats.again;
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState !== 'visible') return;
      again();
      againStats();
    }, AGAIN_MS);
    return () => clearInterval(timer);
  }, [again, againStats]);
  const act = makeAct(again);
  const newest = answer ?? [];
  const last = older.at(-1) ?? newest.at(-1);
  const shown = [...newest, ...older.filter(({ id }) => !newest.some((each) => each.id === id))];
  const more = () =>
    void act('The older ones could not be read', async () => {
      const page = await askDeliveries(webhookId, states, last!.id);
      setOlder([...older, ...page]);
    });
  const hasMore = (older.length > 0 ? older.length % PAGE === 0 : newest.length === PAGE) && last !== undefined;

  return (
    <>
      {stats.answer ? (
        <p className={security.note}>
          In the last {stats.answer.hours} hours {stats.answer.delivered.toLocaleString('en')} delivered,{' '}
          {stats.answer.retried.toLocaleString('en')} of them not at once
          {stats.answer.medianMs === null ? '' : `; half within ${stats.answer.medianMs} ms`}. At present{' '}
          {stats.answer.waiting.toLocaleString('en')} wait, {stats.answer.dead.toLocaleString('en')} given up.
        </p>
      ) : null}
      <Group justify="space-between" my={12} gap={8}>
        <SegmentedControl
          aria-label="Which deliveries"
          size="xs"
          value={filter}
          onChange={(value) => {
            setFilter(value);
            setOlder([]);
          }}
          data={FILTERS}
        />
        <Button variant="default" onClick={onReplay}>
          Send events again…
        </Button>
      </Group>
      {failure ? (
        <Alert color="red" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : !answer ? (
        <Skeleton height={160} />
      ) : shown.length === 0 ? (
        <p className={security.empty}>
          {filter === 'ALL' ? 'Nothing was sent yet. “Send a test” shows whether the receiver answers.' : 'None.'}
        </p>
      ) : (
        <ul className={classes.log} aria-label="Deliveries">
          {shown.map((delivery) => {
            const { color, label } = STATES[delivery.state];
            const isOpen = opened === delivery.id;
            return (
              <li key={delivery.id}>
                <button
                  type="button"
                  className={classes.delivery}
                  aria-expanded={isOpen}
                  onClick={() => setOpened(isOpen ? null : delivery.id)}
                >
                  {isOpen ? <IconChevronDown size={14} aria-hidden /> : <IconChevronRight size={14} aria-hidden />}
                  <Badge color={color} variant="light" autoContrast className={classes.badge}>
                    {label}
                  </Badge>
                  <span className={classes.type}>
                    {delivery.type}
                    {delivery.isReplay ? ' (again)' : ''}
                  </span>
                  <span className={classes.outcome}>
                    {delivery.error ??
                      (delivery.status === null ? '' : `${delivery.status} in ${delivery.durationMs} ms`)}
                    {delivery.attempts > 1 ? `, attempt ${delivery.attempts}` : ''}
                  </span>
                  <time dateTime={delivery.createdAt} className={classes.when}>
                    {formatRelative(delivery.lastAttemptAt ?? delivery.createdAt)}
                  </time>
                </button>
                {isOpen ? (
                  <DeliveryView
                    webhookId={webhookId}
                    delivery={delivery}
                    onRetry={() => void act('It was not sent again', () => retryDelivery(webhookId, delivery.id))}
                  />
                ) : null}
              </li>
            );
          })}
        </ul>
      )}
      {hasMore ? (
        <Button variant="default" mt={12} onClick={more}>
          Older ones
        </Button>
      ) : null}
    </>
  );
}
