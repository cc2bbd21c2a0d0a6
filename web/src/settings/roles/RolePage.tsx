import { Alert, Button, Checkbox, Group, Modal, MultiSelect, Skeleton, Tabs, Textarea, TextInput } from '@mantine/core';
import { IconChevronRight, IconCopy, IconEye } from '@tabler/icons-react';
import { Link, useBlocker, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { Message } from '../../app/Message.tsx';
import { toFailure } from '../../api/failure.ts';
import { objectById } from '../../model/lookup.ts';
import { may, useWholeModel } from '../../model/store.ts';
import { announceFailure } from '../../records/announce.tsx';
import { reasonOf } from '../../records/refusals.ts';
import { seeAs } from '../../seeing/seeing.ts';
import { ExplainAccess } from './ExplainAccess.tsx';
import { useSubmit } from '../formFailure.ts';
import { PlanDialog } from '../PlanDialog.tsx';
import { proposeChanges } from '../planStore.ts';
import classes from '../settings.module.css';
import { useInquiry } from '../useInquiry.ts';
import { NewRole } from './NewRole.tsx';
import { ObjectDrawer } from './ObjectDrawer.tsx';
import { ObjectMatrix } from './ObjectMatrix.tsx';
import { changesOf, draftOf, type RoleDraft } from './roleDraft.ts';
import { askRoles, includedBy, setDefaultRole, type Role, type Roles } from './roles.ts';
import own from './roles.module.css';
import { t } from '../../language/t.ts';
import { andList } from '../../language/lists.ts';

const ASSIGNABLE = [
  { value: 'MEMBERS', label: t('Members') },
  { value: 'API_KEYS', label: t('API keys') },
  { value: 'APPLICATIONS', label: t('Applications') },
  { value: 'AGENTS', label: t('Agents') },
  { value: 'WORKFLOWS', label: t('Workflows') },
];

export function RolePage() {
  const { roleId = '' } = useParams({ strict: false });
  const { answer, failure, again } = useInquiry('roles', askRoles);
  if (failure)
    return (
      <Message
        isPage
        tone="alert"
        title={t('The role could not be read')}
        actions={<Button onClick={again}>{t('Try again')}</Button>}
      >
        {reasonOf(failure)}
      </Message>
    );
  if (!answer) return <Skeleton height={300} m={24} />;
  const role = answer.roles.find((each) => each.id === roleId);
  if (!role)
    return (
      <Message
        title={t('This role is not here')}
        actions={
          <Button variant="default" renderRoot={(props) => <Link to="/settings/roles" {...props} />}>
            {t('All roles')}
          </Button>
        }
      >
        {t('It may have been deleted.')}
      </Message>
    );
  return <RoleEditor key={role.id} all={answer} role={role} onSaved={again} />;
}

function RoleEditor({ all, role, onSaved }: { all: Roles; role: Role; onSaved: () => void }) {
  const model = useWholeModel();
  const [edited, setEdited] = useState<RoleDraft | null>(null);
  const [openId, setOpenId] = useState<string | null>(null);
  const [copying, setCopying] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const { busy, submit, problem, problemAt } = useSubmit({ onDone: onSaved });
  const isFixed = role.isSystem && role.hasAllPermissions;
  const draft = edited ?? draftOf(all, role);
  const changes = edited ? changesOf(all, role.id, edited) : [];
  const isChanged = changes.length > 0;
  useBlocker({
    shouldBlockFn: () => isChanged && !window.confirm(t('Leave without saving the role?')),
    enableBeforeUnload: isChanged,
  });
  const objects = model.objects
    .filter((object) => object.isActive && !object.isJunction)
    .sort((a, b) => Number(a.isSystem) - Number(b.isSystem) || a.position - b.position);
  const opened = openId ? objectById(model, openId) : undefined;
  const set = (part: Partial<RoleDraft>) => setEdited({ ...draft, ...part });
  const save = () =>
    submit(async () => {
      if (
        await proposeChanges(t('Change the role “{name}”', { name: draft.name.trim() }), changes, { verb: t('Save') })
      )
        setEdited(null);
    });

  return (
    <>
      <header className={classes.header}>
        <nav aria-label={t('Breadcrumb')} className={classes.crumbs}>
          <Link to="/settings/roles" className={classes.crumb}>
            {t('Roles')}
          </Link>
          <IconChevronRight size={14} aria-hidden />
          <h1 className={classes.title}>{role.name}</h1>
          {role.isSystem ? <span className={classes.badge}>{t('System')}</span> : null}
          {role.id === all.defaultRoleId ? <span className={classes.badge}>{t('Default')}</span> : null}
        </nav>
        <div className={classes.tools}>
          <Button
            variant="default"
            leftSection={<IconEye size={14} />}
            onClick={() =>
              void seeAs({ roleId: role.id }).catch((cause: unknown) =>
                announceFailure(t('This view was not opened'), cause),
              )
            }
          >
            {t('See as')}
          </Button>
          <Button variant="default" leftSection={<IconCopy size={14} />} onClick={() => setCopying(true)}>
            {t('Copy')}
          </Button>
        </div>
      </header>
      <Tabs
        defaultValue="objects"
        className={classes.tabs}
        classNames={{ list: classes.tabList, tab: classes.tab, panel: classes.panel }}
        keepMounted={false}
      >
        <Tabs.List aria-label={t('Role {name}', { name: role.name })}>
          <Tabs.Tab value="objects">{t('Objects')}</Tabs.Tab>
          <Tabs.Tab value="flags">{t('Settings and tools')}</Tabs.Tab>
          <Tabs.Tab value="role">{t('Role')}</Tabs.Tab>
          <Tabs.Tab value="explain">{t('Explain')}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="objects">
          <div className={classes.page} tabIndex={0} role="region" aria-label={t('Objects')}>
            <div className={classes.inner}>
              {isFixed ? <FixedNote role={role} /> : null}
              <Included all={all} draft={draft} />
              <ObjectMatrix
                objects={objects}
                draft={draft}
                onChange={isFixed ? undefined : setEdited}
                onOpen={setOpenId}
              />
            </div>
          </div>
        </Tabs.Panel>
        <Tabs.Panel value="flags">
          <div className={classes.page} tabIndex={0} role="region" aria-label={t('Settings and tools')}>
            <div className={classes.inner}>
              {isFixed ? <FixedNote role={role} /> : null}
              <Included all={all} draft={draft} />
              {(['SETTING', 'TOOL'] as const).map((kind) => (
                <section key={kind} aria-label={kind === 'SETTING' ? t('Settings') : t('Tools')}>
                  <h2 className={own.heading}>{kind === 'SETTING' ? t('Settings') : t('Tools')}</h2>
                  <p className={own.note}>
                    {kind === 'SETTING'
                      ? t('What the role may change of the workspace.')
                      : t('What the role may do besides.')}
                  </p>
                  <div className={own.flags}>
                    {all.flags
                      .filter((each) => each.kind === kind)
                      .map(({ flag, label, description }) => (
                        <Checkbox
                          key={flag}
                          size="xs"
                          label={label}
                          description={description}
                          disabled={isFixed}
                          checked={role.hasAllPermissions || draft.permissions.includes(flag)}
                          onChange={(event) =>
                            set({
                              permissions: (event.currentTarget.checked
                                ? [...draft.permissions, flag]
                                : draft.permissions.filter((each) => each !== flag)
                              ).toSorted(),
                            })
                          }
                        />
                      ))}
                  </div>
                </section>
              ))}
            </div>
          </div>
        </Tabs.Panel>
        <Tabs.Panel value="role">
          <div className={classes.page} tabIndex={0} role="region" aria-label={t('Role')}>
            <div className={classes.narrow}>
              {isFixed ? <FixedNote role={role} /> : null}
              <section className={classes.section}>
                <TextInput
                  label={t('Name')}
                  value={draft.name}
                  disabled={isFixed}
                  error={problemAt('name')}
                  onChange={(event) => set({ name: event.currentTarget.value })}
                />
                <Textarea
                  label={t('What it is for')}
                  autosize
                  minRows={2}
                  value={draft.description}
                  disabled={isFixed}
                  onChange={(event) => set({ description: event.currentTarget.value })}
                />
                <MultiSelect
                  label={t('Can be assigned to')}
                  data={ASSIGNABLE}
                  value={draft.assignableTo}
                  disabled={isFixed}
                  onChange={(assignableTo) => set({ assignableTo: assignableTo.toSorted() })}
                />
                <Checkbox
                  label={t('Its members sign in with a second factor')}
                  description={t(
                    'A passkey or a code of an app. Who has none is led to set one up at the next sign-in.',
                  )}
                  checked={draft.requiresSecondFactor}
                  onChange={(event) => set({ requiresSecondFactor: event.currentTarget.checked })}
                />
                <IncludedRoles all={all} role={role} draft={draft} disabled={isFixed} onChange={set} />
              </section>
              <DefaultRole all={all} role={role} onSaved={onSaved} />
              {isFixed ? null : (
                <section className={classes.section}>
                  <h2>{t('Delete')}</h2>
                  <p className={own.note}>
                    {role.id === all.defaultRoleId
                      ? t('New members get this role. Choose another default role before you delete it.')
                      : t('Its members get the default role. API keys that have it need another one first.')}
                  </p>
                  <Button
                    color="red"
                    variant="light"
                    className={classes.start}
                    disabled={role.id === all.defaultRoleId}
                    onClick={() => setDeleting(true)}
                  >
                    {t('Delete role')}
                  </Button>
                </section>
              )}
            </div>
          </div>
        </Tabs.Panel>
        <Tabs.Panel value="explain">
          <div className={classes.page} tabIndex={0} role="region" aria-label={t('Explain')}>
            <div className={classes.narrow}>
              <section className={classes.section}>
                <p className={own.note}>
                  {isChanged
                    ? t('What {name} may do, and which rule says so. Your unsaved changes are not in it.', {
                        name: role.name,
                      })
                    : t('What {name} may do, and which rule says so.', { name: role.name })}
                </p>
                <ExplainAccess roleId={role.id} />
              </section>
            </div>
          </div>
        </Tabs.Panel>
      </Tabs>
      {isChanged || problem ? (
        <div className={own.saveBar} role="region" aria-label={t('Unsaved changes')}>
          <span>
            {problem ? null : t('{count, plural, one {# change} other {# changes}}', { count: changes.length })}
          </span>
          {problem ? (
            <Alert color="red" role="alert" py={6} mr="auto">
              {problem}
            </Alert>
          ) : null}
          <Button variant="default" disabled={busy} onClick={() => setEdited(null)}>
            {t('Discard')}
          </Button>
          <Button loading={busy} disabled={draft.name.trim() === ''} onClick={() => void save()}>
            {t('Save')}
          </Button>
        </div>
      ) : null}
      {opened ? (
        <ObjectDrawer
          object={opened}
          roleName={role.name}
          draft={draft.objects[opened.id]}
          readOnly={isFixed}
          onClose={() => setOpenId(null)}
          onTake={(next) => {
            set({ objects: { ...draft.objects, [opened.id]: next } });
            setOpenId(null);
          }}
        />
      ) : null}
      {copying ? <NewRole all={all} copyOf={role.id} onClose={() => setCopying(false)} /> : null}
      {deleting ? <DeleteRole all={all} role={role} onClose={() => setDeleting(false)} /> : null}
      <PlanDialog />
    </>
  );
}

function FixedNote({ role }: { role: Role }) {
  return (
    <Alert color="gray" mb={16} title={t('{name} cannot be changed', { name: role.name })}>
      {t('It may do everything, so that somebody always can. For fewer rights, make a copy and give that to members.')}
    </Alert>
  );
}

function Included({ all, draft }: { all: Roles; draft: RoleDraft }) {
  const names = draft.includes.flatMap((id) => all.roles.find((role) => role.id === id)?.name ?? []);
  return names.length > 0 ? (
    <p className={own.note}>
      {t(
        '{count, plural, one {Beside what stands here, the role has all that {names} has.} other {Beside what stands here, the role has all that {names} have.}}',
        { count: names.length, names: andList(names) },
      )}
    </p>
  ) : null;
}

function IncludedRoles({
  all,
  role,
  draft,
  disabled,
  onChange,
}: {
  all: Roles;
  role: Role;
  draft: RoleDraft;
  disabled: boolean;
  onChange: (part: Partial<RoleDraft>) => void;
}) {
  const [circle, setCircle] = useState<string | null>(null);
  return (
    <MultiSelect
      label={t('Includes')}
      description={t('The role has all that these have, beside its own.')}
      data={all.roles.filter((each) => each.id !== role.id).map((each) => ({ value: each.id, label: each.name }))}
      value={draft.includes}
      disabled={disabled}
      error={circle}
      onChange={(includes) => {
        const added = includes.find((id) => !draft.includes.includes(id));
        const around = added && includedBy(all.includes, added).has(role.id);
        if (around) {
          const name = all.roles.find((each) => each.id === added)?.name ?? t('That role');
          setCircle(
            t('{name} includes {roleName} already, so {roleName} would include itself.', { name, roleName: role.name }),
          );
          return;
        }
        setCircle(null);
        onChange({ includes });
      }}
    />
  );
}

function DefaultRole({ all, role, onSaved }: { all: Roles; role: Role; onSaved: () => void }) {
  const [busy, setBusy] = useState(false);
  const isDefault = role.id === all.defaultRoleId;
  const make = async () => {
    setBusy(true);
    try {
      await setDefaultRole(role.id);
      onSaved();
    } catch (cause) {
      announceFailure(t('The default role was not changed'), cause);
    }
    setBusy(false);
  };
  return (
    <section className={classes.section}>
      <h2>{t('Default role')}</h2>
      <p className={own.note}>
        {isDefault
          ? t('New members get this role, and the members of a role that is deleted.')
          : t('New members get another role.')}
      </p>
      {isDefault ? null : (
        <Button variant="default" className={classes.start} loading={busy} onClick={() => void make()}>
          {t('Make it the default role')}
        </Button>
      )}
    </section>
  );
}

function DeleteRole({ all, role, onClose }: { all: Roles; role: Role; onClose: () => void }) {
  const navigate = useNavigate();
  const members = all.members.filter((member) => member.roleId === role.id);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const fallback = all.roles.find((each) => each.id === all.defaultRoleId)?.name;
  const remove = async () => {
    setBusy(true);
    setProblem(null);
    try {
      if (
        await proposeChanges(
          t('Delete the role “{name}”', { name: role.name }),
          [{ op: 'delete', table: 'roles', id: role.id }],
          {
            verb: t('Delete role'),
          },
        )
      )
        await navigate({ to: '/settings/roles', ignoreBlocker: true });
    } catch (cause) {
      const failure = toFailure(cause);
      setProblem([failure.message, failure.hint].filter(Boolean).join(' '));
    }
    setBusy(false);
  };
  return (
    <Modal opened onClose={onClose} title={t('Delete the role “{name}”?', { name: role.name })}>
      <div className={classes.form}>
        <p className={own.note}>
          {!may('WORKSPACE_MEMBERS')
            ? t('Its members will have the role {fallback}. API keys that have it need another one first.', {
                fallback,
              })
            : members.length === 0
              ? t('No member has it. API keys that have it need another one first.')
              : t('{members} will have the role {fallback}. API keys that have it need another one first.', {
                  members: members.map((each) => each.name || each.email).join(', '),
                  fallback,
                })}
        </p>
        {problem ? (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('Cancel')}
          </Button>
          <Button color="red" loading={busy} onClick={() => void remove()}>
            {t('Delete role')}
          </Button>
        </Group>
      </div>
    </Modal>
  );
}
