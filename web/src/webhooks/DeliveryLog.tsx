import { countText } from '../model/formats.ts';
import { Badge, Button, Group, SegmentedControl, Skeleton } from '@mantine/core';
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { formatRelative } from '../model/dates.ts';
import { ReadFailure } from '../records/ReadFailure.tsx';
import security from '../security/security.module.css';
import { makeAct } from '../settings/act.ts';
import { useInquiry } from '../settings/useInquiry.ts';
import { DeliveryView } from './DeliveryView.tsx';
import { askDeliveries, askStats, PAGE, retryDelivery, type Delivery, type DeliveryState } from './webhooks.ts';
import classes from './webhooks.module.css';
import { t } from '../language/t.ts';

const FILTERS = [
  { value: 'ALL', label: t('All') },
  { value: 'PENDING', label: t('Waiting') },
  { value: 'DELIVERED', label: t('Delivered') },
  { value: 'DEAD', label: t('Given up') },
];
const STATES: { [state in DeliveryState]: { color: string; label: string } } = {
  PENDING: { color: 'yellow', label: t('Waiting') },
  DELIVERED: { color: 'green', label: t('Delivered') },
  DEAD: { color: 'red', label: t('Given up') },
  SKIPPED: { color: 'gray', label: t('Left out') },
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
    void act(t('The older ones could not be read'), async () => {
      const page = await askDeliveries(webhookId, states, last!.id);
      setOlder([...older, ...page]);
    });
  const hasMore = (older.length > 0 ? older.length % PAGE === 0 : newest.length === PAGE) && last !== undefined;

  return (
    <>
      {stats.answer ? (
        <p className={security.note}>
          {stats.answer.medianMs === null
            ? t(
                'In the last {hours} hours {delivered} delivered, {retried} of them not at once. At present {waiting} wait, {dead} given up.',
                {
                  hours: stats.answer.hours,
                  delivered: countText(stats.answer.delivered),
                  retried: countText(stats.answer.retried),
                  waiting: countText(stats.answer.waiting),
                  dead: countText(stats.answer.dead),
                },
              )
            : t(
                'In the last {hours} hours {delivered} delivered, {retried} of them not at once; half within {medianMs} ms. At present {waiting} wait, {dead} given up.',
                {
                  hours: stats.answer.hours,
                  delivered: countText(stats.answer.delivered),
                  retried: countText(stats.answer.retried),
                  medianMs: stats.answer.medianMs,
                  waiting: countText(stats.answer.waiting),
                  dead: countText(stats.answer.dead),
                },
              )}
        </p>
      ) : null}
      <Group justify="space-between" my={12} gap={8}>
        <SegmentedControl
          aria-label={t('Which deliveries')}
          size="xs"
          value={filter}
          onChange={(value) => {
            setFilter(value);
            setOlder([]);
          }}
          data={FILTERS}
        />
        <Button variant="default" onClick={onReplay}>
          {t('Send events again…')}
        </Button>
      </Group>
      {failure ? (
        <ReadFailure what={t('Deliveries')} failure={failure} onRetry={again} />
      ) : !answer ? (
        <Skeleton height={160} />
      ) : shown.length === 0 ? (
        <p className={security.empty}>
          {filter === 'ALL' ? t('Nothing was sent yet. “Send a test” shows whether the receiver answers.') : t('None.')}
        </p>
      ) : (
        <ul className={classes.log} aria-label={t('Deliveries')}>
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
                    {delivery.isReplay ? t('{type} (again)', { type: delivery.type }) : `${delivery.type}`}
                  </span>
                  <span className={classes.outcome}>
                    {delivery.attempts > 1
                      ? t('{error}, attempt {attempts}', {
                          error:
                            delivery.error ??
                            (delivery.status === null
                              ? ''
                              : t('{status} in {durationMs} ms', {
                                  status: delivery.status,
                                  durationMs: delivery.durationMs,
                                })),
                          attempts: delivery.attempts,
                        })
                      : `${delivery.error ?? (delivery.status === null ? '' : t('{status} in {durationMs} ms', { status: delivery.status, durationMs: delivery.durationMs }))}`}
                  </span>
                  <time dateTime={delivery.createdAt} className={classes.when}>
                    {formatRelative(delivery.lastAttemptAt ?? delivery.createdAt)}
                  </time>
                </button>
                {isOpen ? (
                  <DeliveryView
                    webhookId={webhookId}
                    delivery={delivery}
                    onRetry={() => void act(t('It was not sent again'), () => retryDelivery(webhookId, delivery.id))}
                  />
                ) : null}
              </li>
            );
          })}
        </ul>
      )}
      {hasMore ? (
        <Button variant="default" mt={12} onClick={more}>
          {t('Older ones')}
        </Button>
      ) : null}
    </>
  );
}
