/** What this service can do, as RFC 7643 sections 5 to 7 want it described. */
const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';
const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';

interface Attribute {
  name: string;
  type: 'string' | 'boolean' | 'complex' | 'reference';
  description: string;
  required?: boolean;
  multiValued?: boolean;
  caseExact?: boolean;
  mutability?: 'readWrite' | 'readOnly' | 'immutable';
  uniqueness?: 'none' | 'server';
  subAttributes?: Attribute[];
}

const attribute = ({ subAttributes, ...given }: Attribute): object => ({
  multiValued: false,
  required: false,
  caseExact: false,
  mutability: 'readWrite',
  returned: 'default',
  uniqueness: 'none',
  ...given,
  ...(subAttributes && { subAttributes: subAttributes.map(attribute) }),
});
const text = (name: string, description: string, more: Partial<Attribute> = {}): Attribute => ({
  name,
  type: 'string',
  description,
  ...more,
});

const USER_ATTRIBUTES = [
  text('userName', 'By which the directory knows the user. Unique in the workspace.', {
    required: true,
    uniqueness: 'server',
  }),
  text('externalId', 'The id in the directory.', { caseExact: true }),
  text('displayName', 'The name, where its parts are not given.'),
  {
    name: 'name',
    type: 'complex',
    description: 'The parts of the name.',
    subAttributes: [
      text('formatted', 'The whole name.', { mutability: 'readOnly' }),
      text('givenName', 'The first name.'),
      text('familyName', 'The last name.'),
    ],
  },
  {
    name: 'emails',
    type: 'complex',
    multiValued: true,
    description: 'Addresses. The primary one names the account.',
    subAttributes: [
      text('value', 'The address.'),
      text('type', 'Such as work.'),
      { name: 'primary', type: 'boolean', description: 'Whether it is the main one.' },
    ],
  },
  { name: 'active', type: 'boolean', description: 'Whether the member may come in. False ends every session at once.' },
  {
    name: 'groups',
    type: 'complex',
    multiValued: true,
    mutability: 'readOnly',
    description: 'The groups that the user is in.',
    subAttributes: [
      text('value', 'The id of the group.', { mutability: 'readOnly' }),
      text('display', 'Its name.', { mutability: 'readOnly' }),
    ],
  },
] as const satisfies Attribute[];

const GROUP_ATTRIBUTES = [
  text('displayName', 'What the group is called. Unique in the workspace.', { required: true, uniqueness: 'server' }),
  text('externalId', 'The id in the directory.', { caseExact: true }),
  {
    name: 'members',
    type: 'complex',
    multiValued: true,
    description: 'The users in the group.',
    subAttributes: [
      text('value', 'The id of the user.', { mutability: 'immutable' }),
      text('display', 'The name of the user.', { mutability: 'readOnly' }),
    ],
  },
] as const satisfies Attribute[];

export const SCHEMAS = [
  { id: USER, name: 'User', description: 'A member of the workspace.', attributes: USER_ATTRIBUTES.map(attribute) },
  { id: GROUP, name: 'Group', description: 'A group of members.', attributes: GROUP_ATTRIBUTES.map(attribute) },
].map((schema) => ({
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:Schema'],
  ...schema,
  meta: { resourceType: 'Schema', location: `/scim/v2/Schemas/${schema.id}` },
}));

export const RESOURCE_TYPES = [
  { id: 'User', name: 'User', endpoint: '/Users', description: 'Members', schema: USER },
  { id: 'Group', name: 'Group', endpoint: '/Groups', description: 'Groups', schema: GROUP },
].map((type) => ({
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:ResourceType'],
  ...type,
  meta: { resourceType: 'ResourceType', location: `/scim/v2/ResourceTypes/${type.id}` },
}));

export const SERVICE_PROVIDER_CONFIG = {
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig'],
  patch: { supported: true },
  bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
  filter: { supported: true, maxResults: 200 },
  changePassword: { supported: false },
  sort: { supported: false },
  etag: { supported: true },
  authenticationSchemes: [
    {
      type: 'oauthbearertoken',
      name: 'Bearer token',
      description: 'A token that an administrator of the workspace makes under Security, Provisioning.',
      primary: true,
    },
  ],
  meta: { resourceType: 'ServiceProviderConfig', location: '/scim/v2/ServiceProviderConfig' },
};
