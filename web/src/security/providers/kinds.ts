import { IconBrandGoogleFilled, IconBrandWindowsFilled, IconFingerprint, IconShieldLock } from '@tabler/icons-react';
import type { ComponentType } from 'react';
import { OpenIdForm } from './OpenIdForm.tsx';
import { SamlForm } from './SamlForm.tsx';
import type { Provider, ProviderKind } from './providers.ts';
import { t } from '../../language/t.ts';

export interface KindFormProps {
  provider: Provider;
  /** The settings were saved; what the page shows is asked anew. */
  onSaved: () => void;
}

interface Kind {
  kind: ProviderKind;
  name: string;
  /** What the button on the sign-in page says at first. */
  label: string;
  /** What is done at the provider, before anything is written here. */
  steps: string;
  icon: typeof IconFingerprint;
  /** Asks for what the provider needs, and saves it. */
  Form: ComponentType<KindFormProps>;
  /** Whether the provider sends browsers back to /auth/sso/callback, as OpenID providers do. */
  hasCallback: boolean;
}

/** The kinds of identity providers that can be added, each with a form of its own. */
export const KINDS: readonly Kind[] = [
  {
    kind: 'GOOGLE',
    name: 'Google',
    label: t('Google'),
    steps: t(
      'In the Google Cloud console, make an OAuth client of the type “Web application” with the redirect address below.',
    ),
    icon: IconBrandGoogleFilled,
    Form: OpenIdForm,
    hasCallback: true,
  },
  {
    kind: 'MICROSOFT',
    name: 'Microsoft',
    label: t('Microsoft'),
    steps: t(
      'In the Entra admin center, register an application with the redirect address below (platform “Web”), and make a client secret.',
    ),
    icon: IconBrandWindowsFilled,
    Form: OpenIdForm,
    hasCallback: true,
  },
  {
    kind: 'OIDC',
    name: 'OpenID Connect',
    label: t('Company login'),
    steps: t('At the provider, register a confidential web client for the code flow with the redirect address below.'),
    icon: IconFingerprint,
    Form: OpenIdForm,
    hasCallback: true,
  },
  {
    kind: 'SAML',
    name: 'SAML 2.0',
    label: t('single sign-on'),
    steps: t(
      'At the provider, add an application with our metadata or the addresses below. Then give its metadata here.',
    ),
    icon: IconShieldLock,
    Form: SamlForm,
    hasCallback: false,
  },
];

export const kindOf = (kind: ProviderKind): Kind | undefined => KINDS.find((each) => each.kind === kind);
