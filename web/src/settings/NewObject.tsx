import { Alert, Button, Group, Modal, Textarea, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { createObject } from '../model/metadata.ts';
import { apiName, nameProblem, plural } from '../model/names.ts';
import { snakeCase } from '../model/snakeCase.ts';
import { objectNamed } from '../model/lookup.ts';
import { useWholeModel } from '../model/store.ts';
import { useSubmit } from './formFailure.ts';
import { IconPicker } from './IconPicker.tsx';
import classes from './settings.module.css';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';

/** Opens the new object's page, unless somebody else shows it. */
export function NewObject({ onClose, onMade }: { onClose: () => void; onMade?: (namePlural: string) => void }) {
  const model = useWholeModel();
  const navigate = useNavigate();
  const [singular, setSingular] = useState('');
  const [typedPlural, setTypedPlural] = useState<string | null>(null);
  const [names, setNames] = useState<{ singular?: string; plural?: string }>({});
  const [showsNames, setShowsNames] = useState(false);
  const [description, setDescription] = useState('');
  const [look, setLook] = useState({ icon: 'IconPackage', color: 'sky' });
  const labelPlural = typedPlural ?? plural(singular.trim());
  const nameSingular = names.singular ?? apiName(singular);
  const namePlural = names.plural ?? apiName(labelPlural);
  const { busy, submit, problem, problemAt } = useSubmit({
    onDone: () => {
      onClose();
      if (onMade) onMade(namePlural);
      else void navigate({ to: '/settings/model/$namePlural', params: { namePlural } });
    },
    inSight: ['labelSingular', 'labelPlural', ...(showsNames ? ['nameSingular', 'namePlural'] : [])],
  });
  const problemOf = (name: string): string | null => {
    const taken = objectNamed(model, name);
    return taken ? t('“{labelPlural}” has this name already.', { labelPlural: taken.labelPlural }) : nameProblem(name);
  };
  const typed = singular.trim() !== '';
  // While it is made, the model may have it already.
  const judged = typed && !busy;
  const same = judged && nameSingular === namePlural;
  const problems = {
    singular: judged ? problemOf(nameSingular) : null,
    plural: !judged ? null : same ? t('One and many must have different names.') : problemOf(namePlural),
  };
  const opensNames = showsNames || problems.singular !== null || problems.plural !== null;

  return (
    <Modal opened onClose={onClose} title={t('New object')}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(() =>
            createObject({
              labelSingular: singular.trim(),
              labelPlural: labelPlural.trim(),
              nameSingular,
              namePlural,
              ...look,
              ...(description.trim() ? { description: description.trim() } : {}),
            }),
          );
        }}
        className={classes.form}
      >
        <Group align="flex-end" wrap="nowrap" gap="xs">
          <IconPicker {...look} onChange={(icon, color) => setLook({ icon, color })} />
          <TextInput
            label={t('One is called')}
            placeholder={t('Project')}
            value={singular}
            onChange={(event) => setSingular(event.currentTarget.value)}
            error={problemAt('labelSingular')}
            data-autofocus
            flex={1}
            autoComplete="off"
          />
          <TextInput
            label={t('Many are called')}
            placeholder={t('Projects')}
            value={labelPlural}
            onChange={(event) => setTypedPlural(event.currentTarget.value)}
            error={problemAt('labelPlural')}
            flex={1}
            autoComplete="off"
          />
        </Group>
        <Textarea
          label={t('What it is for')}
          description={t('Shown where there are none yet, and in the API')}
          autosize
          minRows={2}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
        />
        {opensNames ? (
          <Group align="flex-start" wrap="nowrap" gap="xs">
            <TextInput
              label={t('API name of one')}
              value={nameSingular}
              onChange={(event) => setNames({ ...names, singular: event.currentTarget.value })}
              error={problems.singular ?? problemAt('nameSingular')}
              classNames={{ input: classes.mono }}
              flex={1}
              autoComplete="off"
            />
            <TextInput
              label={t('API name of many')}
              value={namePlural}
              onChange={(event) => setNames({ ...names, plural: event.currentTarget.value })}
              error={problems.plural ?? problemAt('namePlural')}
              classNames={{ input: classes.mono }}
              flex={1}
              autoComplete="off"
            />
          </Group>
        ) : typed ? (
          <p className={classes.preview}>
            <Trans
              text={'In the API {value} and {value2}, in psql {value3}.'}
              values={{
                value: <code>{nameSingular}</code>,
                value2: <code>{namePlural}</code>,
                value3: <code>{snakeCase(namePlural)}</code>,
              }}
            />{' '}
            <button type="button" className={classes.textButton} onClick={() => setShowsNames(true)}>
              {t('Choose other names')}
            </button>
          </p>
        ) : null}
        {problem ? (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('Cancel')}
          </Button>
          <Button
            type="submit"
            loading={busy}
            disabled={!typed || problems.singular !== null || problems.plural !== null}
          >
            {t('Create object')}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
