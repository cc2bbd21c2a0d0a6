import { Alert, Button, Checkbox, Group, Modal, MultiSelect, Skeleton, Tabs, Textarea, TextInput } from '@mantine/core';
import { IconChevronRight, IconCopy, IconEye } from '@tabler/icons-react';
import { Link, useBlocker, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { Message } from '../../app/Message.tsx';
import { toFailure } from '../../api/failure.ts';
import { objectById } from '../../model/lookup.ts';
import { may, useWholeModel } from '../../model/store.ts';
import { announceFailure } from '../../records/announce.tsx';
import { seeAs } from '../../seeing/seeing.ts';
import { ExplainAccess } from './ExplainAccess.tsx';
import { useSubmit } from '../formFailure.ts';
import { PlanDialog } from '../PlanDialog.tsx';
import { proposeChanges } from '../planStore.ts';
import { count } from '../planText.ts';
import classes from '../settings.module.css';
import { useInquiry } from '../useInquiry.ts';
import { NewRole } from './NewRole.tsx';
import { ObjectDrawer } from './ObjectDrawer.tsx';
import { ObjectMatrix } from './ObjectMatrix.tsx';
import { changesOf, draftOf, type RoleDraft } from './roleDraft.ts';
import { askRoles, includedBy, setDefaultRole, type Role, type Roles } from './roles.ts';
import own from './roles.module.css';

const ASSIGNABLE = [
  { value: 'MEMBERS', label: 'Members' },
  { value: 'API_KEYS', label: 'API keys' },
  { value: 'APPLICATIONS', label: 'Applications' },
  { value: 'AGENTS', label: 'Agents' },
  { value: 'WORKFLOWS', label: 'Workflows' },
];

export function RolePage() {
  const { roleId = '' } = useParams({ strict: false });
  const { answer, failure, again } = useInquiry('roles', askRoles);
  if (failure)
    return (
      <Message tone="alert" title={failure.message} actions={<Button onClick={again}>Try again</Button>}>
        {failure.hint}
      </Message>
    );
  if (!answer) return <Skeleton height={300} m={24} />;
  const role = answer.roles.find((each) => each.id === roleId);
  if (!role)
    return (
      <Message
        title="This role is not here"
        actions={
          <Button variant="default" renderRoot={(props) => <Link to="/settings/roles" {...props} />}>
            All roles
          </Button>
        }
      >
        It may have been deleted.
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
    shouldBlockFn: () => isChanged && !window.confirm('Leave without saving the role?'),
    enableBeforeUnload: isChanged,
  });
  const objects = model.objects
    .filter((object) => object.isActive && !object.isJunction)
    .sort((a, b) => Number(a.isSystem) - Number(b.isSystem) || a.position - b.position);
  const opened = openId ? objectById(model, openId) : undefined;
  const set = (part: Partial<RoleDraft>) => setEdited({ ...draft, ...part });
  const save = () =>
    submit(async () => {
      if (await proposeChanges(`Change the role “${draft.name.trim()}”`, changes, { verb: 'Save' })) setEdited(null);
    });

  return (
    <>
      <header className={classes.header}>
        <nav aria-label="Breadcrumb" className={classes.crumbs}>
          <Link to="/settings/roles" className={classes.crumb}>
            Roles
          </Link>
          <IconChevronRight size={14} aria-hidden />
          <h1 className={classes.title}>{role.name}</h1>
          {role.isSystem ? <span className={classes.badge}>System</span> : null}
          {role.id === all.defaultRoleId ? <span className={classes.badge}>Default</span> : null}
        </nav>
        <div className={classes.tools}>
          <Button
            variant="default"
            leftSection={<IconEye size={14} />}
            onClick={() =>
              void seeAs({ roleId: role.id }).catch((cause: unknown) =>
                announceFailure('This view was not opened', cause),
              )
            }
          >
            See as
          </Button>
          <Button variant="default" leftSection={<IconCopy size={14} />} onClick={() => setCopying(true)}>
            Copy
          </Button>
        </div>
      </header>
      <Tabs
        defaultValue="objects"
        className={classes.tabs}
        classNames={{ list: classes.tabList, tab: classes.tab, panel: classes.panel }}
        keepMounted={false}
      >
        <Tabs.List aria-label={`Role ${role.name}`}>
          <Tabs.Tab value="objects">Objects</Tabs.Tab>
          <Tabs.Tab value="flags">Settings and tools</Tabs.Tab>
          <Tabs.Tab value="role">Role</Tabs.Tab>
          <Tabs.Tab value="explain">Explain</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="objects">
          <div className={classes.page} tabIndex={0} role="region" aria-label="Objects">
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
          <div className={classes.page} tabIndex={0} role="region" aria-label="Settings and tools">
            <div className={classes.inner}>
              {isFixed ? <FixedNote role={role} /> : null}
              <Included all={all} draft={draft} />
              {(['SETTING', 'TOOL'] as const).map((kind) => (
                <section key={kind} aria-label={kind === 'SETTING' ? 'Settings' : 'Tools'}>
                  <h2 className={own.heading}>{kind === 'SETTING' ? 'Settings' : 'Tools'}</h2>
                  <p className={own.note}>
                    {kind === 'SETTING'
                      ? 'What the role may change of the workspace.'
                      : 'What the role may do besides.'}
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
          <div className={classes.page} tabIndex={0} role="region" aria-label="Role">
            <div className={classes.narrow}>
              {isFixed ? <FixedNote role={role} /> : null}
              <section className={classes.section}>
                <TextInput
                  label="Name"
                  value={draft.name}
                  disabled={isFixed}
                  error={problemAt('name')}
                  onChange={(event) => set({ name: event.currentTarget.value })}
                />
                <Textarea
                  label="What it is for"
                  autosize
                  minRows={2}
                  value={draft.description}
                  disabled={isFixed}
                  onChange={(event) => set({ description: event.currentTarget.value })}
                />
                <MultiSelect
                  label="Can be assigned to"
                  data={ASSIGNABLE}
                  value={draft.assignableTo}
                  disabled={isFixed}
                  onChange={(assignableTo) => set({ assignableTo: assignableTo.toSorted() })}
                />
                <Checkbox
                  label="Its members sign in with a second factor"
                  description="A passkey or a code of an app. Who has none is led to set one up at the next sign-in."
                  checked={draft.requiresSecondFactor}
                  onChange={(event) => set({ requiresSecondFactor: event.currentTarget.checked })}
                />
                <IncludedRoles all={all} role={role} draft={draft} disabled={isFixed} onChange={set} />
              </section>
              <DefaultRole all={all} role={role} onSaved={onSaved} />
              {isFixed ? null : (
                <section className={classes.section}>
                  <h2>Delete</h2>
                  <p className={own.note}>
                    {role.id === all.defaultRoleId
                      ? 'New members get this role. Choose another default role before you delete it.'
                      : 'Its members get the default role. API keys that have it need another one first.'}
                  </p>
                  <Button
                    color="red"
                    variant="light"
                    className={classes.start}
                    disabled={role.id === all.defaultRoleId}
                    onClick={() => setDeleting(true)}
                  >
                    Delete role
                  </Button>
                </section>
              )}
            </div>
          </div>
        </Tabs.Panel>
        <Tabs.Panel value="explain">
          <div className={classes.page} tabIndex={0} role="region" aria-label="Explain">
            <div className={classes.narrow}>
              <section className={classes.section}>
                <p className={own.note}>
                  What {role.name} may do, and which rule says so.
                  {isChanged ? ' Your unsaved changes are not in it.' : ''}
                </p>
                <ExplainAccess roleId={role.id} />
              </section>
            </div>
          </div>
        </Tabs.Panel>
      </Tabs>
      {isChanged || problem ? (
        <div className={own.saveBar} role="region" aria-label="Unsaved changes">
          <span>{problem ? null : count(changes.length, 'change')}</span>
          {problem ? (
            <Alert color="red" role="alert" py={6} mr="auto">
              {problem}
            </Alert>
          ) : null}
          <Button variant="default" disabled={busy} onClick={() => setEdited(null)}>
            Discard
          </Button>
          <Button loading={busy} disabled={draft.name.trim() === ''} onClick={() => void save()}>
            Save
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
    <Alert color="gray" mb={16} title={`${role.name} cannot be changed`}>
      It may do everything, so that somebody always can. For fewer rights, make a copy and give that to members.
    </Alert>
  );
}

function Included({ all, draft }: { all: Roles; draft: RoleDraft }) {
  const names = draft.includes.flatMap((id) => all.roles.find((role) => role.id === id)?.name ?? []);
  return names.length > 0 ? (
    <p className={own.note}>
      Beside what stands here, the role has all that {names.join(' and ')} {names.length === 1 ? 'has' : 'have'}.
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
      label="Includes"
      description="The role has all that these have, beside its own."
      data={all.roles.filter((each) => each.id !== role.id).map((each) => ({ value: each.id, label: each.name }))}
      value={draft.includes}
      disabled={disabled}
      error={circle}
      onChange={(includes) => {
        const added = includes.find((id) => !draft.includes.includes(id));
        const around = added && includedBy(all.includes, added).has(role.id);
        if (around) {
          const name = all.roles.find((each) => each.id === added)?.name ?? 'That role';
          setCircle(`${name} includes ${role.name} already, so ${role.name} would include itself.`);
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
      announceFailure('The default role was not changed', cause);
    }
    setBusy(false);
  };
  return (
    <section className={classes.section}>
      <h2>Default role</h2>
      <p className={own.note}>
        {isDefault
          ? 'New members get this role, and the members of a role that is deleted.'
          : 'New members get another role.'}
      </p>
      {isDefault ? null : (
        <Button variant="default" className={classes.start} loading={busy} onClick={() => void make()}>
          Make it the default role
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
        await proposeChanges(`Delete the role “${role.name}”`, [{ op: 'delete', table: 'roles', id: role.id }], {
          verb: 'Delete role',
        })
      )
        await navigate({ to: '/settings/roles', ignoreBlocker: true });
    } catch (cause) {
      const failure = toFailure(cause);
      setProblem([failure.message, failure.hint].filter(Boolean).join(' '));
    }
    setBusy(false);
  };
  return (
    <Modal opened onClose={onClose} title={`Delete the role “${role.name}”?`}>
      <div className={classes.form}>
        <p className={own.note}>
          {!may('WORKSPACE_MEMBERS')
            ? `Its members will have the role ${fallback}.`
            : members.length === 0
              ? 'No member has it.'
              : `${members.map((each) => each.name || each.email).join(', ')} will have the role ${fallback}.`}{' '}
          API keys that have it need another one first.
        </p>
        {problem ? (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button color="red" loading={busy} onClick={() => void remove()}>
            Delete role
          </Button>
        </Group>
      </div>
    </Modal>
  );
}
