import { Alert, Anchor, Button, Group, Modal, Skeleton, Stack } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense, useState, type FormEvent } from 'react';
import { toFailure } from '../api/failure.ts';
import { fieldNamed } from '../fields/rules.ts';
import { objectNamed } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { parseValue } from '../model/parse.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import { readValue, toPatch } from '../model/values.ts';
import { entryOf, FormField, type FormEntry } from '../records/FormField.tsx';
import { reasonOf } from '../records/refusals.ts';
import { useInquiry } from '../settings/useInquiry.ts';
import { planRestore, restore, type Choices, type RestoreProblem, type StuckRecord } from './calls.ts';
import classes from './trash.module.css';
import { serverText } from '../language/serverText.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface Question {
  key: string;
  problem: RestoreProblem;
  object: ModelObject | undefined;
  field: ModelField | undefined;
}

/** What is in the way of one record, each with the field in which another value would help. */
const questionsOf = (model: Model, record: StuckRecord): Question[] =>
  record.problems.map((problem) => {
    const object = objectNamed(model, problem.objectName);
    const field = object && fieldNamed(object, problem.columns[0]?.name);
    return { key: `${problem.recordId} ${field?.id ?? problem.message}`, problem, object, field };
  });

const formerEntry = (model: Model, { problem, field }: Question): FormEntry => {
  const row = { id: problem.recordId, ...Object.fromEntries(problem.columns.map(({ name, value }) => [name, value])) };
  return field ? entryOf(field, readValue(model, field, row)) : { text: '' };
};

const MergeDialog = lazy(async () => ({ default: (await import('../merge/MergeDialog.tsx')).MergeDialog }));

interface RestoreDialogProps {
  model: Model;
  object: ModelObject;
  ids: string[];
  onClose: () => void;
  onRestored: (count: number) => void;
}

/** Records that cannot come back as they were: says why, and takes other values for what is in the way. */
export function RestoreDialog({ model, object, ids, onClose, onRestored }: RestoreDialogProps) {
  const [entries, setEntries] = useState<{ [key: string]: FormEntry }>({});
  const [reasons, setReasons] = useState<{ [key: string]: string }>({});
  const [above, setAbove] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [merging, setMerging] = useState<{ owner: ModelObject; ids: string[] } | null>(null);
  const [round, setRound] = useState(0);
  const { answer, failure } = useInquiry(`stuck ${ids.join()} ${round}`, () =>
    planRestore(object.nameSingular, ids, {}),
  );
  const questions = (answer ?? []).flatMap((record) => questionsOf(model, record));
  const mayLeaveOut = questions.some(({ problem }) => problem.canLeaveOut);

  /** Only the columns that are in the way: the others of the same field stay as they were. */
  const choicesOf = (leavesOut: boolean): { choices: Choices; at: { [key: string]: string } } => {
    const choices: Choices = {};
    const at: { [key: string]: string } = {};
    for (const question of questions) {
      const { key, problem, field } = question;
      if (!field) continue;
      const entry = entries[key] ?? formerEntry(model, question);
      const parsed = 'text' in entry ? parseValue(field, entry.text, null) : entry;
      if ('reason' in parsed) at[key] = parsed.reason;
      const leaves = leavesOut && problem.canLeaveOut && entries[key] === undefined;
      const patch = leaves || 'reason' in parsed ? {} : toPatch(field, parsed.value);
      for (const { name } of problem.columns)
        choices[problem.recordId] = { ...choices[problem.recordId], [name]: leaves ? null : (patch[name] ?? null) };
    }
    return { choices, at };
  };

  const submit = async (leavesOut: boolean) => {
    const { choices, at } = choicesOf(leavesOut);
    setReasons(at);
    setAbove(null);
    if (Object.keys(at).length > 0) return;
    setBusy(true);
    try {
      const done = await restore(object.nameSingular, ids, choices);
      if (done.restored > 0) onRestored(done.restored);
      if (done.left.length === 0) onClose();
      else {
        setAbove(
          done.left.length === 1
            ? done.left[0]!.message
            : t('{count} records still cannot be restored.', { count: done.left.length }),
        );
        setRound(round + 1);
      }
    } catch (cause) {
      setAbove(reasonOf(toFailure(cause)));
    }
    setBusy(false);
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    void submit(false);
  };

  return (
    <Modal
      opened
      size="lg"
      onClose={onClose}
      title={t(
        '{count, plural, one {This {labelSingular} cannot come back as it was} other {Some records cannot come back as they were}}',
        { count: ids.length, labelSingular: inSentence(object.labelSingular) },
      )}
    >
      {failure ? (
        <Alert color="red" role="alert">
          {reasonOf(failure)}
        </Alert>
      ) : null}
      {!answer && !failure ? <Skeleton height={90} /> : null}
      <form onSubmit={onSubmit} noValidate>
        <Stack gap="md">
          {answer?.map((record) => (
            <section key={record.recordId} className={classes.stuck} aria-label={record.label ?? t('A record')}>
              <h3 className={classes.stuckTitle}>{record.label ?? t('A record')}</h3>
              {questionsOf(model, record).map((question) => {
                const { key, problem, field, object: owner } = question;
                return (
                  <div key={key} className={classes.problem}>
                    <p className={classes.reason}>
                      {serverText(problem.message)}{' '}
                      {problem.takenBy && owner ? (
                        <Anchor
                          size="sm"
                          underline="always"
                          renderRoot={(props) => (
                            <Link
                              to="/objects/$namePlural/$id"
                              params={{ namePlural: owner.namePlural, id: problem.takenBy!.recordId }}
                              target="_blank"
                              {...props}
                            />
                          )}
                        >
                          {t('Open {label}', { label: problem.takenBy.label || t('the other record') })}
                        </Anchor>
                      ) : null}
                    </p>
                    {problem.takenBy && owner && rightsOf(owner).canUpdate && rightsOf(owner).canDelete ? (
                      <Button
                        size="compact-sm"
                        variant="light"
                        mb={8}
                        onClick={() => setMerging({ owner, ids: [problem.recordId, problem.takenBy!.recordId] })}
                      >
                        {t('Merge with {label}…', { label: problem.takenBy.label || t('the other record') })}
                      </Button>
                    ) : null}
                    {field ? (
                      <FormField
                        model={model}
                        field={field}
                        entry={entries[key] ?? formerEntry(model, question)}
                        problem={reasons[key] ?? null}
                        autofocus={false}
                        onChange={(entry) => setEntries((all) => ({ ...all, [key]: entry }))}
                      />
                    ) : problem.hint ? (
                      <p className={classes.hint}>{problem.hint}</p>
                    ) : null}
                  </div>
                );
              })}
            </section>
          ))}
          {above ? (
            <Alert color="red" variant="light" p="xs" role="alert">
              {above}
            </Alert>
          ) : null}
        </Stack>
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>
            {t('Leave in the trash')}
          </Button>
          {mayLeaveOut ? (
            <Button variant="default" loading={busy} onClick={() => void submit(true)}>
              {t('Restore without these values')}
            </Button>
          ) : null}
          {questions.some(({ field }) => field) ? (
            <Button type="submit" loading={busy}>
              {t('Restore with these values')}
            </Button>
          ) : null}
        </Group>
      </form>
      {merging ? (
        <Suspense fallback={null}>
          <MergeDialog
            model={model}
            object={merging.owner}
            ids={merging.ids}
            onClose={() => setMerging(null)}
            onMerged={() => {
              onRestored(1);
              if (ids.length === 1) onClose();
              else setRound(round + 1);
            }}
            onUndone={() => onRestored(0)}
          />
        </Suspense>
      ) : null}
    </Modal>
  );
}
