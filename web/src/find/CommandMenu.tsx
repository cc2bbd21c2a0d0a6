import { useMantineColorScheme } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { Spotlight } from '@mantine/spotlight';
import '@mantine/spotlight/styles.css';
import {
  IconAdjustments,
  IconChecklist,
  IconWorld,
  IconDatabaseCog,
  IconEye,
  IconGitMerge,
  IconFileImport,
  IconKeyboard,
  IconLogout,
  IconPlus,
  IconSearch,
  IconShieldLock,
  IconSunMoon,
  IconWebhook,
} from '@tabler/icons-react';
import { useRouter } from '@tanstack/react-router';
import { gql } from 'urql';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { request } from '../api/client.ts';
import { Avatar } from '../fields/Avatar.tsx';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { navigationObjects } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { may, useModel } from '../model/store.ts';
import { chooseView } from '../seeing/seeing.ts';
import { keepColorScheme, useProfile } from '../session/profile.ts';
import { leave } from '../offline/leave.ts';
import { askToCreate, commandStore, useHelp } from './commandStore.ts';
import { goLetters } from '../shortcuts/goLetters.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface Hit {
  objectName: string;
  recordId: string;
  label: string | null;
}

const SEARCH = gql<{ searchRecords: { nodes: Hit[] } }, { query: string }>(
  'query Search($query: String!) { searchRecords(query: $query, maxResults: 12) { nodes { objectName recordId label } } }',
);

interface Entry {
  id: string;
  label: string;
  note?: string;
  icon: ReactNode;
  run: () => void;
}

const matches = (entry: Entry, query: string): boolean => {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return words.every((word) => entry.label.toLowerCase().includes(word));
};

function useRecordSearch(query: string): { hits: Hit[]; busy: boolean } {
  const [wanted] = useDebouncedValue(query.trim(), 140);
  const [found, setFound] = useState<{ query: string; hits: Hit[] }>({ query: '', hits: [] });
  useEffect(() => {
    let current = true;
    if (wanted === '') return;
    request(SEARCH, { query: wanted })
      .then(({ searchRecords }) => current && setFound({ query: wanted, hits: searchRecords.nodes }))
      .catch(() => current && setFound({ query: wanted, hits: [] }));
    return () => {
      current = false;
    };
  }, [wanted]);
  const asked = query.trim();
  return { hits: asked === '' ? [] : found.hits, busy: asked !== '' && found.query !== asked };
}

/** Spotlight keeps its selection on the elements, and makes it when the query changes: results that come later need it made again. */
function selectFirst(): HTMLElement | undefined {
  const { listId } = commandStore.getState();
  const actions = [...(document.getElementById(listId)?.querySelectorAll<HTMLElement>('[data-action]') ?? [])];
  const selected = Math.max(
    0,
    actions.findIndex((action) => action.hasAttribute('data-selected')),
  );
  actions[selected]?.setAttribute('data-selected', 'true');
  commandStore.updateState((state) => ({ ...state, selected }));
  return actions[selected];
}

export default function CommandMenu() {
  const model = useModel();
  const router = useRouter();
  const [query, setQuery] = useState('');
  const { hits, busy } = useRecordSearch(query);
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const objects = navigationObjects(model);
  const letters = new Map([...goLetters(model)].map(([letter, object]) => [object.id, letter.toUpperCase()]));

  const go: Entry[] = [
    ...objects.map((object) => ({
      id: `go-${object.id}`,
      label: object.labelPlural,
      note: letters.has(object.id) ? `G ${letters.get(object.id)}` : undefined,
      icon: <ObjectIcon name={object.icon} color={object.color} />,
      run: () => void router.navigate({ to: '/objects/$namePlural', params: { namePlural: object.namePlural } }),
    })),
    {
      id: 'go-duplicates',
      label: t('Duplicates'),
      icon: <IconGitMerge size={16} />,
      run: () => void router.navigate({ to: '/duplicates' }),
    },
    ...(may('DATA_MODEL')
      ? [
          {
            id: 'go-model',
            label: t('Settings: data model'),
            note: 'G S',
            icon: <IconDatabaseCog size={16} />,
            run: () => void router.navigate({ to: '/settings/model' }),
          },
        ]
      : []),
    ...(may('WORKSPACE')
      ? [
          {
            id: 'go-general',
            label: t('Settings: general'),
            icon: <IconAdjustments size={16} />,
            run: () => void router.navigate({ to: '/settings/general' }),
          },
          {
            id: 'go-address',
            label: t('Settings: address'),
            icon: <IconWorld size={16} />,
            run: () => void router.navigate({ to: '/settings/address' }),
          },
        ]
      : []),
    ...(may('WORKSPACE') || useProfile.getState().profile?.administersInstance
      ? [
          {
            id: 'go-jobs',
            label: t('Settings: jobs'),
            icon: <IconChecklist size={16} />,
            run: () => void router.navigate({ to: '/settings/jobs' }),
          },
        ]
      : []),
    ...(may('API_KEYS_AND_WEBHOOKS')
      ? [
          {
            id: 'go-webhooks',
            label: t('Settings: webhooks'),
            icon: <IconWebhook size={16} />,
            run: () => void router.navigate({ to: '/settings/webhooks' }),
          },
        ]
      : []),
    ...(may('ROLES')
      ? [
          {
            id: 'go-roles',
            label: t('Settings: roles'),
            icon: <IconShieldLock size={16} />,
            run: () => void router.navigate({ to: '/settings/roles' }),
          },
        ]
      : []),
  ];
  const actions: Entry[] = [
    ...objects
      .filter((object) => rightsOf(object).canCreate)
      .map((object) => ({
        id: `new-${object.id}`,
        label: t('Create {labelSingular}', { labelSingular: inSentence(object.labelSingular) }),
        icon: <IconPlus size={16} />,
        run: () => {
          askToCreate(object.id);
          void router.navigate({ to: '/objects/$namePlural', params: { namePlural: object.namePlural } });
        },
      })),
    ...(may('IMPORT_CSV')
      ? objects
          .filter((object) => rightsOf(object).canCreate || rightsOf(object).canUpdate)
          .map((object) => ({
            id: `import-${object.id}`,
            label: t('Import {labelPlural}', { labelPlural: inSentence(object.labelPlural) }),
            icon: <IconFileImport size={16} />,
            run: () =>
              void router.navigate({ to: '/objects/$namePlural/import', params: { namePlural: object.namePlural } }),
          }))
      : []),
    {
      id: 'theme',
      label: colorScheme === 'dark' ? t('Use the light theme') : t('Use the dark theme'),
      icon: <IconSunMoon size={16} />,
      run: () => {
        const other = colorScheme === 'dark' ? 'light' : 'dark';
        setColorScheme(other);
        void keepColorScheme(other);
      },
    },
    ...(may('ROLES')
      ? [{ id: 'see', label: t('See as a role or a member'), icon: <IconEye size={16} />, run: chooseView }]
      : []),
    {
      id: 'keys',
      label: t('Keyboard shortcuts'),
      note: '?',
      icon: <IconKeyboard size={16} />,
      run: () => useHelp.setState({ opened: true }),
    },
    { id: 'out', label: t('Sign out'), icon: <IconLogout size={16} />, run: () => void leave() },
  ];
  const records: Entry[] = hits.flatMap((hit) => {
    const object = model.objects.find((candidate) => candidate.nameSingular === hit.objectName);
    if (!object?.isActive) return [];
    const label = hit.label || t('Untitled');
    return [
      {
        id: `record-${hit.recordId}`,
        label,
        note: object.labelSingular,
        icon: <Avatar label={label} seed={hit.recordId} size={18} />,
        run: () =>
          void router.navigate({
            to: '/objects/$namePlural/$id',
            params: { namePlural: object.namePlural, id: hit.recordId },
          }),
      },
    ];
  });

  const enterWaits = useRef(false);
  useEffect(() => {
    if (busy) return;
    const first = query.trim() === '' ? undefined : selectFirst();
    if (enterWaits.current) first?.click();
    enterWaits.current = false;
  }, [hits, busy, query]);

  const groups = [
    { label: t('Go to'), entries: go.filter((entry) => matches(entry, query)) },
    { label: t('Records'), entries: records },
    { label: t('Actions'), entries: actions.filter((entry) => matches(entry, query)) },
  ].filter((group) => group.entries.length > 0);

  return (
    <Spotlight.Root
      store={commandStore}
      query={query}
      onQueryChange={(text) => {
        enterWaits.current = false;
        setQuery(text);
      }}
      shortcut={null}
      scrollable
      maxHeight={420}
      size={580}
      overlayProps={{ blur: 0, backgroundOpacity: 0.3 }}
      transitionProps={{ duration: 0 }}
      attributes={{ content: { 'aria-label': t('Search and commands') } }}
    >
      <Spotlight.Search
        placeholder={t('Search records, or type a command')}
        leftSection={<IconSearch size={18} stroke={1.75} />}
        aria-label={t('Search records, or type a command')}
        onKeyDownCapture={(event) => {
          // Who types a name and Enter at once means the record that is still being looked for, not one found before.
          if (event.key !== 'Enter' || !busy || groups[0]?.label === 'Go to') return;
          if (commandStore.getState().selected > 0) return;
          event.preventDefault();
          event.stopPropagation();
          enterWaits.current = true;
        }}
      />
      <Spotlight.ActionsList>
        {groups.map((group) => (
          <Spotlight.ActionsGroup key={group.label} label={group.label}>
            {group.entries.map((entry) => (
              <Spotlight.Action
                key={entry.id}
                label={entry.label}
                leftSection={entry.icon}
                rightSection={
                  entry.note ? (
                    <span style={{ fontSize: 12, color: 'var(--mantine-color-dimmed)' }}>{entry.note}</span>
                  ) : undefined
                }
                onClick={entry.run}
              />
            ))}
          </Spotlight.ActionsGroup>
        ))}
        {groups.length === 0 ? (
          <Spotlight.Empty>{busy ? t('Searching…') : t('Nothing matches “{query}”.', { query })}</Spotlight.Empty>
        ) : null}
      </Spotlight.ActionsList>
    </Spotlight.Root>
  );
}
