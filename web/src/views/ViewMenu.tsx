import { Menu } from '@mantine/core';
import {
  IconCopy,
  IconFileExport,
  IconFileImport,
  IconHistory,
  IconHomeStar,
  IconLink,
  IconLock,
  IconLockOpen,
  IconPencil,
  IconPrinter,
  IconShare,
  IconTrash,
  IconUserCheck,
  IconUsers,
  IconUser,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { say } from '../app/corner.ts';
import { rightsOf } from '../model/permissions.ts';
import { useMay } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import { printPage } from '../print/printing.ts';
import { announceFailure, offerToTakeBack } from '../records/announce.tsx';
import { useSession } from '../session/session.ts';
import type { ViewControls } from './controls.ts';
import { DensityItems } from './DensityItems.tsx';
import { FavouriteItems } from './FavouriteItems.tsx';
import { copyView, deleteView, restoreView, setDefaultView, takeOverView, updateView } from './savedViews.ts';
import { ViewMenuButton } from './viewButtons.tsx';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface ViewMenuProps {
  object: ModelObject;
  views: ViewControls;
  /** The address of all that is shown, also of what this browser alone remembers. */
  link: () => string;
  onRename: () => void;
  onShare: () => void;
  onDefaults: () => void;
  onExport: () => void;
  /** On a phone, where there is no room for a button of its own. */
  onPast: (() => void) | null;
  defaultOpened: boolean;
}

async function attempt(title: string, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (cause) {
    announceFailure(title, cause);
    return false;
  }
}

/** What one does with the view that is open. */
export function ViewMenu({
  object,
  views,
  link,
  onRename,
  onShare,
  onDefaults,
  onExport,
  onPast,
  defaultOpened,
}: ViewMenuProps) {
  const { known, view, open } = views;
  const keepsViews = useMay('VIEWS');
  const rights = rightsOf(object);
  const mayImport = useMay('IMPORT_CSV') && (rights.canCreate || rights.canUpdate);
  const mayExport = useMay('EXPORT_CSV');
  const identity = useSession((state) => state.identity);
  const me = identity?.member?.id ?? null;
  const own = known.defaults.find(({ principalKind }) => principalKind === 'MEMBER');
  const isOwnFirst = view !== null && own?.viewId === view.id;
  const mayWrite = !identity?.seeing;

  const copyLink = () =>
    void navigator.clipboard.writeText(link()).then(
      () => say({ message: t('Link copied.') }),
      (cause: unknown) => announceFailure(t('The link was not copied'), cause),
    );
  const remove = async () => {
    if (!view) return;
    if (!(await attempt(t('The view was not deleted'), () => deleteView(object.id, view.id)))) return;
    open(null);
    offerToTakeBack(t('View “{name}” deleted', { name: view.name }), async () => {
      if (await attempt(t('The view was not restored'), () => restoreView(object.id, view.id))) open(view.id);
    });
  };
  return (
    <Menu position="bottom-start" width={250} defaultOpened={defaultOpened}>
      <Menu.Target>
        <ViewMenuButton />
      </Menu.Target>
      <Menu.Dropdown>
        {view && view.canUpdate && mayWrite ? (
          <Menu.Item leftSection={<IconPencil size={15} />} onClick={onRename}>
            {t('Rename…')}
          </Menu.Item>
        ) : null}
        {view && mayWrite && me ? (
          <Menu.Item
            leftSection={<IconCopy size={15} />}
            onClick={() =>
              void attempt(t('The view was not duplicated'), async () => open(await copyView(object.id, view.id)))
            }
          >
            {t('Duplicate')}
          </Menu.Item>
        ) : null}
        <Menu.Item leftSection={<IconLink size={15} />} onClick={copyLink}>
          {t('Copy link')}
        </Menu.Item>
        <FavouriteItems target={view ? { kind: 'VIEW', viewId: view.id } : { kind: 'OBJECT', objectId: object.id }} />
        {onPast ? (
          <Menu.Item leftSection={<IconHistory size={15} />} onClick={onPast}>
            {t('As it was…')}
          </Menu.Item>
        ) : null}
        {view && mayWrite && me ? (
          <Menu.Item
            leftSection={<IconHomeStar size={15} />}
            onClick={() =>
              void attempt(t('Not set'), () => setDefaultView(object.id, isOwnFirst ? null : view.id, 'MEMBER'))
            }
          >
            {isOwnFirst ? t('Show first no longer') : t('Show first for me')}
          </Menu.Item>
        ) : null}
        {keepsViews && mayWrite && view?.visibility === 'WORKSPACE' ? (
          <Menu.Item leftSection={<IconUsers size={15} />} onClick={onDefaults}>
            {t('Show first for others…')}
          </Menu.Item>
        ) : null}
        {view?.isKept && mayWrite ? (
          <>
            <Menu.Divider />
            <Menu.Item leftSection={<IconShare size={15} />} onClick={onShare}>
              {t('Share…')}
            </Menu.Item>
            {me ? (
              <Menu.Item
                leftSection={view.isLocked ? <IconLockOpen size={15} /> : <IconLock size={15} />}
                onClick={() =>
                  void attempt(t('Not changed'), () => updateView(object.id, view.id, { isLocked: !view.isLocked }))
                }
              >
                {view.isLocked ? t('Unlock') : t('Lock for others')}
              </Menu.Item>
            ) : null}
            {keepsViews && view.visibility === 'PERSONAL' ? (
              <Menu.Item
                leftSection={<IconUsers size={15} />}
                onClick={() =>
                  void attempt(t('Not changed'), () => updateView(object.id, view.id, { visibility: 'WORKSPACE' }))
                }
              >
                {t('Open to everybody')}
              </Menu.Item>
            ) : null}
            {view.visibility === 'WORKSPACE' && me ? (
              <Menu.Item
                leftSection={<IconUser size={15} />}
                onClick={() =>
                  void attempt(t('Not changed'), () => updateView(object.id, view.id, { visibility: 'PERSONAL' }))
                }
              >
                {t('Keep to myself')}
              </Menu.Item>
            ) : null}
            {view.visibility === 'PERSONAL' && view.ownerId === null ? (
              <Menu.Item
                leftSection={<IconUserCheck size={15} />}
                onClick={() => void attempt(t('Not taken over'), () => takeOverView(object.id, view.id))}
              >
                {t('Take over')}
              </Menu.Item>
            ) : null}
            <Menu.Item color="red" leftSection={<IconTrash size={15} />} onClick={() => void remove()}>
              {t('Delete')}
            </Menu.Item>
          </>
        ) : null}
        <DensityItems />
        <Menu.Divider />
        {mayImport && mayWrite ? (
          <Menu.Item
            leftSection={<IconFileImport size={15} />}
            renderRoot={(props) => (
              <Link to="/objects/$namePlural/import" params={{ namePlural: object.namePlural }} {...props} />
            )}
          >
            {t('Import…')}
          </Menu.Item>
        ) : null}
        {mayExport ? (
          <Menu.Item leftSection={<IconFileExport size={15} />} onClick={onExport}>
            {t('Export…')}
          </Menu.Item>
        ) : null}
        <Menu.Item leftSection={<IconPrinter size={15} />} onClick={() => void printPage()}>
          {t('Print…')}
        </Menu.Item>
        <Menu.Item
          leftSection={<IconTrash size={15} />}
          renderRoot={(props) => <Link to="/trash" search={{ object: object.nameSingular }} {...props} />}
        >
          {t('Deleted {labelPlural}', { labelPlural: inSentence(object.labelPlural) })}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
