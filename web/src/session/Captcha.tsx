import { Alert, useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { useEntrance, type CaptchaSite } from './entrance.ts';
import { t } from '../language/t.ts';

/** What the scripts of all three providers offer. */
interface Widget {
  ready?: (then: () => void) => void;
  render: (
    place: HTMLElement,
    options: {
      sitekey: string;
      theme: 'light' | 'dark';
      callback: (answer: string) => void;
      'expired-callback': () => void;
      'error-callback': () => void;
    },
  ) => unknown;
}

const PROVIDERS: { [kind in CaptchaSite['kind']]: { script: string; global: string } } = {
  turnstile: { script: 'https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit', global: 'turnstile' },
  recaptcha: { script: 'https://www.google.com/recaptcha/api.js?render=explicit', global: 'grecaptcha' },
  hcaptcha: { script: 'https://js.hcaptcha.com/1/api.js?render=explicit', global: 'hcaptcha' },
};

let loading: Promise<Widget> | undefined;

/** The provider's script, loaded when it is first wanted. */
function loadWidget(kind: CaptchaSite['kind']): Promise<Widget> {
  const { script, global } = PROVIDERS[kind];
  loading ??= new Promise<Widget>((resolve, reject) => {
    const element = document.createElement('script');
    element.src = script;
    element.async = true;
    element.onload = () => {
      const widget = (window as unknown as { [name: string]: Widget | undefined })[global];
      if (!widget) reject(new Error(t('{global} is missing', { global })));
      else if (widget.ready) widget.ready(() => resolve(widget));
      else resolve(widget);
    };
    element.onerror = () => reject(new Error(t('{script} was not loaded', { script })));
    document.head.append(element);
  });
  loading.catch(() => {
    loading = undefined;
  });
  return loading;
}

function Task({ site, onAnswer }: { site: CaptchaSite; onAnswer: (answer: string | null) => void }) {
  const place = useRef<HTMLDivElement>(null);
  const theme = useComputedColorScheme('light');
  const [isBroken, setIsBroken] = useState(false);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const inner = document.createElement('div');
    element.replaceChildren(inner);
    loadWidget(site.kind).then(
      (widget) =>
        widget.render(inner, {
          sitekey: site.siteKey,
          theme,
          callback: onAnswer,
          'expired-callback': () => onAnswer(null),
          'error-callback': () => setIsBroken(true),
        }),
      () => setIsBroken(true),
    );
  }, [site, theme, onAnswer]);
  return (
    <>
      {isBroken ? (
        <Alert
          color="red"
          variant="light"
          role="alert"
          title={t('The task that tells people from programs was not loaded')}
        >
          {t('Allow it in what blocks advertisements in your browser, then load the page again.')}
        </Alert>
      ) : null}
      <div ref={place} role="group" aria-label={t('Show that you are no program')} />
    </>
  );
}

interface CaptchaState {
  /** The provider's task, where there is one and it is wanted. */
  task: ReactNode;
  /** What goes along with the request. */
  fields: { captcha?: string };
  isSolved: boolean;
  /** An answer is good once. */
  again: () => void;
}

/** Asks people to show that they are no programs, where the server wants that. */
export function useCaptcha(isWanted = true): CaptchaState {
  const site = useEntrance()?.captcha ?? null;
  const [answer, setAnswer] = useState<string | null>(null);
  const [round, setRound] = useState(0);
  const isShown = isWanted && site !== null;
  return {
    task: isShown ? <Task key={round} site={site} onAnswer={setAnswer} /> : null,
    fields: isShown && answer !== null ? { captcha: answer } : {},
    isSolved: !isShown || answer !== null,
    again: () => {
      setAnswer(null);
      setRound((before) => before + 1);
    },
  };
}
