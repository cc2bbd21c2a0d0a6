import { createTheme, type CSSVariablesResolver, type MantineColorsTuple, type PopoverProps } from '@mantine/core';
import { t } from '../language/t.ts';

const pine: MantineColorsTuple = [
  '#e8f6f1',
  '#d0ebe2',
  '#a3d8c7',
  '#72c3aa',
  '#4bb191',
  '#2f9f7e',
  '#167d62',
  '#0f6b57',
  '#0d5c4b',
  '#08443a',
];

// Neutrals with a breath of warmth; dark is ink rather than black.
const gray: MantineColorsTuple = [
  '#fafaf9',
  '#f4f4f2',
  '#e9e9e6',
  '#dcdcd8',
  '#c5c5c0',
  '#a1a19b',
  '#7b7b76',
  '#5c5c58',
  '#3b3b38',
  '#232321',
];
const dark: MantineColorsTuple = [
  '#e4e5e3',
  '#b3b5b2',
  '#8e918f',
  '#626664',
  '#454846',
  '#353837',
  '#272a29',
  '#1c1f1e',
  '#161817',
  '#101211',
];

// Deep enough for white letters on it.
const red: MantineColorsTuple = [
  '#fdf0ef',
  '#fadcda',
  '#f4b8b4',
  '#ee918b',
  '#e96c64',
  '#e05249',
  '#cb3535',
  '#c02626',
  '#a11d1d',
  '#7f1616',
];

/**
 * On a phone a menu is a sheet over a dimmed page (phone.css). It goes when the finger is lifted, with the page still
 * covered, so that the tap that closes it opens nothing beneath.
 */
const sheet: Partial<PopoverProps> = {
  transitionProps: { duration: 80 },
  withOverlay: true,
  overlayProps: { backgroundOpacity: 0.35 },
  clickOutsideEvents: ['mousedown', 'touchend'],
};

export const theme = createTheme({
  colors: { pine, gray, dark, red },
  primaryColor: 'pine',
  primaryShade: { light: 7, dark: 6 },
  autoContrast: true,
  luminanceThreshold: 0.28,
  defaultRadius: 'md',
  fontFamily: "'Inter Variable', ui-sans-serif, system-ui, -apple-system, 'Segoe UI', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace", // no text
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '19px' },
  headings: {
    fontWeight: '600',
    sizes: { h1: { fontSize: '22px' }, h2: { fontSize: '17px' }, h3: { fontSize: '14px' } },
  },
  respectReducedMotion: true,
  components: {
    ActionIcon: { classNames: { root: 'rv-action' } },
    Button: { defaultProps: { size: 'xs', fw: 550 } },
    Modal: {
      defaultProps: {
        closeButtonProps: { 'aria-label': t('Close') },
        overlayProps: { backgroundOpacity: 0.35 },
        transitionProps: { duration: 120 },
      },
    },
    Notification: { defaultProps: { closeButtonProps: { 'aria-label': t('Dismiss') } } },
    Tooltip: { defaultProps: { openDelay: 400, transitionProps: { duration: 80 } } },
    // A menu has items and nothing else: it takes the focus itself, and not a part made for that.
    Menu: { defaultProps: { ...sheet, shadow: 'md', withInitialFocusPlaceholder: false } },
    Popover: { defaultProps: { ...sheet, shadow: 'md' } },
    Table: { defaultProps: { verticalSpacing: 'calc(7px * var(--rv-density))' } },
    PasswordInput: { defaultProps: { visibilityToggleButtonProps: { 'aria-label': t('Show or hide the password') } } },
    TextInput: { defaultProps: { size: 'sm' } },
    Select: { defaultProps: { size: 'sm' } },
  },
});

const INKS: { [color: string]: number } = {
  red: 22,
  orange: 52,
  yellow: 80,
  green: 148,
  turquoise: 180,
  sky: 225,
  blue: 260,
  purple: 300,
  pink: 350,
};

const inks = (lightness: number, chroma: number): { [name: string]: string } =>
  Object.fromEntries(
    Object.entries(INKS).map(([color, hue]) => [`--rv-ink-${color}`, `oklch(${lightness} ${chroma} ${hue})`]), // no text
  );

export const variables: CSSVariablesResolver = () => ({
  variables: { '--rv-density': '1' },
  light: {
    '--mantine-color-body': '#ffffff',
    '--mantine-color-text': '#232321',
    '--mantine-color-dimmed': '#62625d',
    '--mantine-color-placeholder': '#686863',
    '--mantine-color-anchor': '#0f6b57',
    '--mantine-color-error': '#c02626',
    '--mantine-color-default-border': '#d6d6d1',
    '--rv-surface': '#ffffff',
    '--rv-raised': '#ffffff',
    '--rv-sunken': '#f7f7f5',
    '--rv-line': '#e4e4e0',
    '--rv-line-faint': '#efefec',
    '--rv-line-strong': '#bdbdb7',
    '--rv-hover': '#f8f8f6',
    '--rv-hover-strong': '#eeeeeb',
    '--rv-selected': '#eaf5f1',
    '--rv-focus': '#1c8a6b',
    '--rv-notice': '#7a4b00',
    '--rv-notice-text': '#ffffff',
    '--rv-flash': '#cdeede',
    '--rv-bone': '#e6e6e2',
    '--rv-shadow': '0 4px 14px rgb(20 22 20 / 0.12)',
    ...inks(0.55, 0.13),
  },
  dark: {
    '--mantine-color-body': '#131514',
    '--mantine-color-text': '#e4e5e3',
    '--mantine-color-dimmed': '#a0a3a0',
    '--mantine-color-placeholder': '#939694',
    '--mantine-color-anchor': '#72c3aa',
    '--mantine-color-error': '#f28b82',
    '--mantine-color-default-border': '#353837',
    '--rv-surface': '#131514',
    '--rv-raised': '#1c1f1e',
    '--rv-sunken': '#0e100f',
    '--rv-line': '#2a2d2c',
    '--rv-line-faint': '#1f2221',
    '--rv-line-strong': '#545856',
    '--rv-hover': '#191c1b',
    '--rv-hover-strong': '#262a28',
    '--rv-selected': '#16271f',
    '--rv-focus': '#4bb191',
    '--rv-notice': '#f2b64c',
    '--rv-notice-text': '#231600',
    '--rv-flash': '#1f4a3a',
    '--rv-bone': '#2a2d2c',
    '--rv-shadow': '0 6px 18px rgb(0 0 0 / 0.55)',
    ...inks(0.76, 0.11),
  },
});
