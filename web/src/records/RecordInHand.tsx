import {
  IconArrowRight,
  IconArrowsDiagonal,
  IconLayoutSidebarRight,
  IconLink,
  IconPencil,
  IconShare2,
  IconShieldQuestion,
  IconStar,
  IconStarOff,
  IconTrash,
} from '@tabler/icons-react';
import { useRouter } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { usePageActions, type PageAction } from '../find/pageActions.ts';
import { inSentence } from '../language/inSentence.ts';
import { t } from '../language/t.ts';
import { rightsOf } from '../model/permissions.ts';
import { isEditable } from '../model/text.ts';
import type { ModelField, ModelObject } from '../model/types.ts';
import { useFavour } from '../views/useFavour.ts';
import { announceDone, announceFailure } from './announce.tsx';

const ShareDialog = lazy(async () => ({ default: (await import('../sharing/ShareDialog.tsx')).ShareDialog }));
const AccessDialog = lazy(async () => ({ default: (await import('../sharing/AccessDialog.tsx')).AccessDialog }));

interface RecordInHandProps {
  object: ModelObject;
  id: string;
  label: string;
  /** Those that show, and how one of them is edited where it stands. */
  fields: ModelField[];
  onEdit: ((field: ModelField) => void) | null;
  isShown?: (field: ModelField) => boolean;
  onOpen?: () => void;
  onPeek?: () => void;
  /** Where else it can stand. */
  moves?: { key: string; label: string; run: () => void }[];
  onDelete: (() => void) | null;
}

/** What the command menu offers to do with the record that one has in hand. It shows only what is asked for there. */
export function RecordInHand(props: RecordInHandProps) {
  const { object, id, label, fields, onEdit, isShown, onOpen, onPeek, moves = [], onDelete } = props;
  const router = useRouter();
  const [dialog, setDialog] = useState<'share' | 'access' | null>(null);
  const { isFavourite, favour } = useFavour(object);
  const rights = rightsOf(object);
  const isOne = isFavourite(id);

  const copyLink = () => {
    const { href } = router.buildLocation({
      to: '/objects/$namePlural/$id',
      params: { namePlural: object.namePlural, id },
      search: {},
    });
    navigator.clipboard.writeText(new URL(href, window.location.origin).href).then(
      () => announceDone(t('Link copied.')),
      (cause: unknown) => announceFailure(t('The link was not copied'), cause),
    );
  };

  const action = (key: string, text: string, icon: PageAction['icon'], run: () => void, keys?: string): PageAction => ({
    id: `in-hand-${key}`,
    label: text,
    icon,
    run,
    ...(keys ? { keys } : {}),
  });
  const changes = onEdit && rights.canUpdate ? fields.filter(isEditable) : [];
  usePageActions(
    [
      ...(onOpen ? [action('open', t('Open the page'), <IconArrowsDiagonal size={16} />, onOpen, 'Mod+Enter')] : []),
      ...(onPeek ? [action('peek', t('Peek at it'), <IconLayoutSidebarRight size={16} />, onPeek)] : []),
      ...moves.map(({ key, label: to, run }) =>
        action(`move-${key}`, t('Move to {to}', { to }), <IconArrowRight size={16} />, run),
      ),
      ...(favour
        ? [
            action(
              'favour',
              isOne ? t('Take out of favourites') : t('Add to favourites'),
              isOne ? <IconStarOff size={16} /> : <IconStar size={16} />,
              () => favour([id]),
            ),
          ]
        : []),
      action('link', t('Copy link'), <IconLink size={16} />, copyLink),
      ...(rights.canUpdate
        ? [
            action(
              'share',
              t('Share this {labelSingular}', { labelSingular: inSentence(object.labelSingular) }),
              <IconShare2 size={16} />,
              () => setDialog('share'),
            ),
          ]
        : []),
      action('access', t('Who sees this record, and why'), <IconShieldQuestion size={16} />, () => setDialog('access')),
      ...changes.map((field) => {
        const TypeIcon = FIELD_TYPES[field.type]?.icon ?? IconPencil;
        return {
          ...action(`edit-${field.name}`, t('Change {label}…', { label: field.label }), <TypeIcon size={16} />, () =>
            onEdit?.(field),
          ),
          isMinor: true,
          isThere: () => isShown?.(field) ?? true,
        };
      }),
      ...(rights.canDelete && onDelete
        ? [
            action(
              'delete',
              t('Delete this {labelSingular}', { labelSingular: inSentence(object.labelSingular) }),
              <IconTrash size={16} />,
              onDelete,
            ),
          ]
        : []),
    ],
    'record',
    label,
  );

  return (
    <Suspense fallback={null}>
      {dialog === 'share' ? <ShareDialog object={object} ids={[id]} onClose={() => setDialog(null)} /> : null}
      {dialog === 'access' ? <AccessDialog object={object} id={id} onClose={() => setDialog(null)} /> : null}
    </Suspense>
  );
}
