export {};

(globalThis as { relvarTexts?: object }).relvarTexts = {
  'Your role does not permit this.': 'Ihre Rolle erlaubt das nicht.',
  '"{1}" is one of: {2}.': '„{1}“ ist eines von: {2}.',
  '"{1}" is required.': '„{1}“ ist erforderlich.',
  '{1} is required.': '{1} ist erforderlich.',
  '{1} of {2} records cannot be restored as they are.': 'Von {2} Datensätzen lassen sich {1} nicht wiederherstellen.',
  '@opportunity.stage Stage': 'Phase',
  '@opportunity.stage New': 'Neu',
};
const { serverText } = await import('./serverText.ts');

test('what the server says is looked up, with what it is said of', () => {
  expect(serverText('Your role does not permit this.')).toBe('Ihre Rolle erlaubt das nicht.');
  expect(serverText('3 of 5 records cannot be restored as they are.')).toBe(
    'Von 5 Datensätzen lassen sich 3 nicht wiederherstellen.',
  );
});

test('labels of the standard model within are those that the screen shows, own ones stay', () => {
  expect(serverText('"Stage" is one of: New, On ice.')).toBe('„Phase“ ist eines von: Neu, On ice.');
});

test('the sentence that says more is taken, and one that nobody has translated is told as it is', () => {
  expect(serverText('"Budget" is required.')).toBe('„Budget“ ist erforderlich.');
  expect(serverText('Budget is required.')).toBe('Budget ist erforderlich.');
  expect(serverText('The moon is full.')).toBe('The moon is full.');
});
