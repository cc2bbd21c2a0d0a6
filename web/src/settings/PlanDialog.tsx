import { Alert, Badge, Button, Collapse, CopyButton, Group, Modal, Tooltip } from '@mantine/core';
import {
  IconAlertTriangle,
  IconCheck,
  IconChevronRight,
  IconClock,
  IconCopy,
  IconInfoCircle,
  IconTrash,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { objectById } from '../model/lookup.ts';
import { modelHistory } from '../model/inquiries.ts';
import { applyPlan, type Plan, type PlanStep, type PlanViolation } from '../model/planning.ts';
import { useWholeModel } from '../model/store.ts';
import { changeLines } from './changeText.ts';
import classes from './plan.module.css';
import { hasMoved, useReview, type Review } from './planStore.ts';
import { duration, planSentences, planSql, WAIT_TEXT, waitOf } from './planText.ts';
import { useIsTop } from './useIsTop.ts';
import { t } from '../language/t.ts';

function StepLine({ step }: { step: PlanStep }) {
  const wait = waitOf(step.lockLevel);
  return (
    <li className={classes.step}>
      <pre className={classes.sql} tabIndex={0}>
        {step.statement.trim()}
      </pre>
      <div className={classes.facts}>
        {step.isOnline ? (
          <Badge variant="light" color="blue" size="sm">
            {t('In the background')}
          </Badge>
        ) : (
          <Tooltip label={step.lockLevel ? t('Lock: {lockLevel}', { lockLevel: step.lockLevel }) : t('No lock')}>
            <Badge
              variant="light"
              size="sm"
              color={wait === 'everybody' ? 'orange' : wait === 'writers' ? 'yellow' : 'gray'}
            >
              {WAIT_TEXT[wait]}
            </Badge>
          </Tooltip>
        )}
        {step.rewrites ? (
          <Badge variant="light" color="orange" size="sm">
            {t('Rewrites the table')}
          </Badge>
        ) : null}
        {step.rowEstimate ? (
          <span>{t('{rowEstimate, plural, one {# row} other {# rows}}', { rowEstimate: step.rowEstimate })}</span>
        ) : null}
        {step.estimatedMs ? <span>{t('about {estimatedMs}', { estimatedMs: duration(step.estimatedMs) })}</span> : null}
        {step.note ? <span>{step.note}</span> : null}
      </div>
    </li>
  );
}

export function ViolationList({ violation }: { violation: PlanViolation }) {
  const model = useWholeModel();
  const owner =
    (violation.objectId ? objectById(model, violation.objectId) : undefined) ??
    model.objects.find(
      (object) =>
        object.fields.some((field) => field.id === violation.fieldId) ||
        object.rules.some((rule) => rule.id === violation.ruleId),
    );
  return (
    <div className={classes.violation}>
      <strong>{violation.message}</strong>
      <ul>
        {violation.records.slice(0, 8).map((record) => (
          <li key={record.id}>
            {owner ? (
              <Link
                to="/objects/$namePlural/$id"
                params={{ namePlural: owner.namePlural, id: record.id }}
                target="_blank"
                className={classes.record}
              >
                {record.label || t('Untitled')}
              </Link>
            ) : (
              (record.label ?? t('Untitled'))
            )}
            {record.value === undefined || record.value === null ? null : (
              <code>{typeof record.value === 'string' ? record.value : JSON.stringify(record.value)}</code>
            )}
          </li>
        ))}
      </ul>
      {violation.count > Math.min(8, violation.records.length) ? (
        <p className={classes.more}>
          {t('{count, plural, one {# record altogether.} other {# records altogether.}}', { count: violation.count })}
        </p>
      ) : null}
    </div>
  );
}

function PlanBody({ plan }: { plan: Plan }) {
  const model = useWholeModel();
  // Worded for the model that was planned on: once it is applied, the same changes would be told of another.
  const [made] = useState(() => (plan.changes.length > 1 ? changeLines(model, plan.changes) : []));
  const [showsSql, setShowsSql] = useState(plan.steps.length <= 3);
  // What is lost has its own list, to which only the way out is added.
  const isLoss = (code: string | null) => code === 'DATA_HIDDEN' || code === 'DATA_LOST';
  const hints = new Set(plan.warnings.flatMap(({ code, hint }) => (isLoss(code) && hint ? [hint] : [])));
  const others = plan.warnings.filter(({ code }) => !isLoss(code));
  return (
    <>
      {made.length > 0 ? (
        <ul className={classes.made} tabIndex={0} aria-label={t('What changes')}>
          {made.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      ) : null}
      <ul className={classes.sentences}>
        {planSentences(plan).map((sentence) => (
          <li key={sentence}>
            <IconClock size={15} stroke={1.75} aria-hidden />
            {sentence}
          </li>
        ))}
      </ul>
      {plan.losses.length > 0 ? (
        <Alert
          color="red"
          icon={<IconTrash size={16} />}
          title={plan.losses.every((loss) => loss.isRestorable) ? t('What leaves') : t('What is lost')}
          className={classes.alert}
        >
          <ul className={classes.plain}>
            {plan.losses.map((loss) => (
              <li key={`${loss.kind} ${loss.label}`}>
                {loss.records
                  ? t(
                      '{records, plural, one {{label}, with the values of # record} other {{label}, with the values of # records}}',
                      { records: loss.records, label: loss.label },
                    )
                  : `${loss.label}`}
              </li>
            ))}
          </ul>
          {[...hints].join(' ')}
        </Alert>
      ) : null}
      {plan.violations.map((violation) => (
        <Alert
          key={`${violation.ruleId} ${violation.fieldId} ${violation.message}`}
          color="orange"
          icon={<IconAlertTriangle size={16} />}
          title={t('{count, plural, one {# record breaks the rule} other {# records break the rule}}', {
            count: violation.count,
          })}
          className={classes.alert}
        >
          <ViolationList violation={violation} />
        </Alert>
      ))}
      {others.map((warning) => (
        <Alert
          key={`${warning.code} ${warning.message}`}
          color="yellow"
          icon={<IconInfoCircle size={16} />}
          className={classes.alert}
        >
          {warning.message} {warning.hint}
        </Alert>
      ))}
      {plan.steps.length > 0 ? (
        <section>
          <Group justify="space-between" wrap="nowrap">
            <button
              type="button"
              className={classes.toggle}
              aria-expanded={showsSql}
              onClick={() => setShowsSql(!showsSql)}
            >
              <IconChevronRight size={14} aria-hidden data-open={showsSql || undefined} />
              {t('{count, plural, one {# statement} other {# statements}}', { count: plan.steps.length })}
            </button>
            <CopyButton value={planSql(plan)}>
              {({ copied, copy }) => (
                <Button
                  variant="subtle"
                  color="gray"
                  leftSection={copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
                  onClick={copy}
                >
                  {copied ? t('Copied') : t('Copy SQL')}
                </Button>
              )}
            </CopyButton>
          </Group>
          <Collapse expanded={showsSql}>
            <ol className={classes.steps} tabIndex={0} aria-label={t('Statements')}>
              {plan.steps.map((step, index) => (
                <StepLine key={`${index} ${step.statement}`} step={step} />
              ))}
            </ol>
          </Collapse>
        </section>
      ) : null}
    </>
  );
}

function ReviewModal({ review }: { review: Review }) {
  const [plan, setPlan] = useState(review.plan);
  const [busy, setBusy] = useState(false);
  /** What somebody else did to the model between this plan and its application. */
  const [moved, setMoved] = useState<string | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const dangerous = plan.losses.length > 0;
  const blocked = plan.violations.length > 0;
  const isNothing = plan.changes.length === 0 && plan.steps.length === 0;

  const work = async (task: () => Promise<void>) => {
    setBusy(true);
    setFailure(null);
    try {
      await task();
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    setBusy(false);
  };
  const apply = (wanted: Plan) =>
    work(async () => {
      try {
        await applyPlan(wanted);
      } catch (cause) {
        if (!hasMoved(cause)) throw cause;
        const [last] = await modelHistory(1, null);
        setMoved(
          last
            ? t('{actorName} changed it: {summary}.', {
                actorName: last.actorName ?? last.actorType,
                summary: last.summary ?? t('see the history'),
              })
            : '',
        );
        setPlan(await review.replan());
        return;
      }
      review.settle(true);
    });
  const takeAlternative = () =>
    work(async () => {
      const other = await review.alternative?.replan();
      if (!other) return;
      await applyPlan(other);
      review.settle(true);
    });

  return (
    <Modal
      opened
      onClose={() => review.settle(false)}
      closeOnEscape={useIsTop()}
      title={review.title}
      size="lg"
      classNames={{ body: classes.body }}
    >
      <div className={classes.scroll}>
        {moved !== null ? (
          <Alert
            color="blue"
            icon={<IconInfoCircle size={16} />}
            className={classes.alert}
            role="status"
            title={t('Nothing was applied: the model has moved')}
          >
            {t('{moved} Below is the plan for the model as it is now.', { moved })}
          </Alert>
        ) : null}
        <PlanBody key={plan.fingerprint} plan={plan} />
        {failure ? (
          <Alert color="red" role="alert" className={classes.alert}>
            {failure.message} {failure.hint}
          </Alert>
        ) : null}
      </div>
      <Group justify="flex-end" className={classes.foot}>
        <Button variant="default" onClick={() => review.settle(false)}>
          {t('Cancel')}
        </Button>
        {blocked && review.alternative ? (
          <Button variant="default" loading={busy} onClick={() => void takeAlternative()}>
            {review.alternative.label}
          </Button>
        ) : null}
        <Button
          color={dangerous ? 'red' : undefined}
          loading={busy}
          disabled={blocked || isNothing}
          data-autofocus
          onClick={() => void apply(plan)}
        >
          {review.verb}
        </Button>
      </Group>
    </Modal>
  );
}

/** Shown over every page of the settings when a change deserves a look before it is made. */
export function PlanDialog() {
  const review = useReview((state) => state.review);
  return review ? <ReviewModal key={review.plan.fingerprint + review.title} review={review} /> : null;
}
