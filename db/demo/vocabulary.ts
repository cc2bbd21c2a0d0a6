// Words that the demo is made of. The companies are invented, their domains end in .example and
// their telephone numbers come from ranges kept for fiction, so that a demo can reach nobody.

export const STEMS =
  'Aldermoor Amberley Arcadian Arvika Ashdown Aurelia Bellweather Birchgate Blackthorn Bluefern Borealis Bramwell Brightwater Brookhaven Calder Cedarline Clearbrook Corvid Crestfall Dunmore Eastvale Elmstead Emberly Evergrove Fairhaven Fenwick Fjordal Foxglove Glasswing Greyfriars Halden Harrowgate Hawkridge Heliora Highmark Ironwood Juniper Kestrel Kingsmere Lakehurst Lindqvist Lochmere Lumenor Marlowe Meridale Millbrook Montclare Mossgate Nordhaven Norrvik Oakhurst Oberlin Ostara Pellworth Pinecrest Quillon Ravenswood Redfield Ridgeway Rosswell Sablewood Silverlake Solenne Stonebridge Summerfield Tamarind Thornbury Tideway Valmont Vantor Westbrook Wexley Whitlock Windmere Yarrow Zephyrine'.split(
    ' ',
  );

export const TRADES =
  'Analytics,Architects,Biosciences,Capital,Ceramics,Components,Dairy,Energy,Foods,Freight,Health,Insurance,Instruments,Interiors,Logistics,Marine,Materials,Optics,Packaging,Partners,Pharma,Publishing,Robotics,Semiconductors,Software,Studios,Systems,Textiles,Tools,Travel'.split(
    ',',
  );

export interface Region {
  country: string;
  cities: readonly (readonly [city: string, state: string | null, postcode: string])[];
  currency: string;
  /** Legal forms that some companies carry in their names. */
  forms: readonly string[];
  callingCode: string;
  countryCode: string;
  /** A national number from a range set aside for fiction, or one that is not in use. */
  phone: (digits: string) => string;
  streets: readonly string[];
  firstNames: readonly string[];
  lastNames: readonly string[];
  weight: number;
}

const words = (text: string) => text.split(' ');

export const REGIONS: readonly Region[] = [
  {
    country: 'United States', currency: 'USD', forms: ['Inc.', 'LLC'], callingCode: '+1', countryCode: 'US', weight: 9,
    phone: (digits) => `${['212', '312', '415', '512', '617'][Number(digits[0]) % 5]}55501${digits.slice(1, 3)}`,
    cities: [['Boston', 'Massachusetts', '02110'], ['Chicago', 'Illinois', '60606'], ['Austin', 'Texas', '78701'], ['Seattle', 'Washington', '98101'], ['Denver', 'Colorado', '80202'], ['Portland', 'Oregon', '97204'], ['Atlanta', 'Georgia', '30303'], ['New York', 'New York', '10018'], ['Minneapolis', 'Minnesota', '55401']],
    streets: ['Market Street', 'Harbor Avenue', 'Lincoln Boulevard', 'Oak Street', 'Mill Road', 'Union Square'],
    firstNames: words('Maya Ethan Olivia Marcus Grace Daniel Naomi Tyler Hannah Caleb Zoe Isaac Leah Jordan Claire Andre Vivian Peter Simone Walter Joan Malik Erin Victor'),
    lastNames: words('Bennett Carter Delgado Ellison Foster Greene Hayes Ingram Jefferson Kaplan Lawson Mitchell Nolan Osborne Parker Quinn Ramirez Sutton Thornton Underwood Vaughn Whitaker Yates Zimmerman'),
  },
  {
    country: 'United Kingdom', currency: 'GBP', forms: ['Ltd', 'plc'], callingCode: '+44', countryCode: 'GB', weight: 6,
    phone: (digits) => `2079460${digits.slice(0, 3)}`,
    cities: [['London', null, 'EC2A 4NE'], ['Manchester', null, 'M1 3HU'], ['Bristol', null, 'BS1 5TY'], ['Edinburgh', 'Scotland', 'EH2 2AD'], ['Leeds', null, 'LS1 4AP'], ['Cambridge', null, 'CB2 1LA']],
    streets: ['Kingsway', 'Station Road', 'Victoria Street', 'Abbey Lane', 'Queen Street', 'Canal Walk'],
    firstNames: words('Alice Benedict Charlotte Dominic Eleanor Freddie Georgina Harriet Imogen Jasper Kitty Lewis Martha Nigel Ottilie Rupert Sophie Tobias Una Winston Aisha Imran Niamh Rhys'),
    lastNames: words('Ashworth Barlow Cartwright Drummond Ellwood Fairclough Gallagher Hargreaves Iqbal Jarvis Kendrick Lockwood Mackenzie Northcott Ogden Pemberton Radcliffe Sinclair Tait Upton Verma Wainwright Yardley Owens'),
  },
  {
    country: 'Germany', currency: 'EUR', forms: ['GmbH', 'AG'], callingCode: '+49', countryCode: 'DE', weight: 5,
    phone: (digits) => `3023125${digits}`,
    cities: [['Berlin', null, '10117'], ['Hamburg', null, '20457'], ['München', 'Bayern', '80331'], ['Köln', 'Nordrhein-Westfalen', '50667'], ['Leipzig', 'Sachsen', '04109'], ['Stuttgart', 'Baden-Württemberg', '70173']],
    streets: ['Hafenstraße', 'Lindenallee', 'Gartenweg', 'Schillerstraße', 'Bahnhofstraße', 'Am Speicher'],
    firstNames: words('Anke Bastian Carolin Dirk Elke Florian Greta Henrik Ina Jürgen Katrin Lukas Maren Nils Petra Quirin Rosa Sven Theresa Uwe Vera Wiebke Yusuf Zeynep'),
    lastNames: words('Albrecht Brandt Czerny Dietrich Engel Fuchs Gerlach Hoffmann Jansen Köhler Lorenz Müller Neumann Öztürk Pfeiffer Richter Schäfer Thiele Ulrich Vogel Weiß Yılmaz Ziegler Krüger'),
  },
  {
    country: 'France', currency: 'EUR', forms: ['SA', 'SAS'], callingCode: '+33', countryCode: 'FR', weight: 4,
    phone: (digits) => `19900${digits.padEnd(4, '0')}`,
    cities: [['Paris', 'Île-de-France', '75009'], ['Lyon', 'Auvergne-Rhône-Alpes', '69002'], ['Nantes', 'Pays de la Loire', '44000'], ['Toulouse', 'Occitanie', '31000'], ['Lille', 'Hauts-de-France', '59800']],
    streets: ['rue des Lilas', 'avenue du Port', 'quai Voltaire', 'rue Lafayette', 'place du Marché'],
    firstNames: words('Adèle Bastien Camille Damien Élise Fabrice Gaëlle Hugo Inès Julien Léa Mathieu Nadia Olivier Pauline Quentin Rémi Sabine Théo Valérie Yann Zoé Karim Aurélie'),
    lastNames: words('Aubert Bernard Chevalier Delacroix Étienne Fontaine Garnier Haddad Jacquet Lefèvre Marchand Noël Pelletier Renaud Sauvage Texier Vasseur Benali Carlier Dumont Guérin Legrand Perrin Rousseau'),
  },
  {
    country: 'Spain', currency: 'EUR', forms: ['S.L.', 'S.A.'], callingCode: '+34', countryCode: 'ES', weight: 3,
    phone: (digits) => `91555${digits}`,
    cities: [['Madrid', null, '28004'], ['Barcelona', 'Cataluña', '08003'], ['Valencia', null, '46001'], ['Bilbao', 'País Vasco', '48009']],
    streets: ['Calle Mayor', 'Paseo del Prado', 'Calle de la Luna', 'Avenida del Puerto'],
    firstNames: words('Álvaro Beatriz Carlos Dolores Elena Felipe Gloria Hugo Inés Javier Laura Manuel Noelia Óscar Pilar Raúl Sofía Tomás Úrsula Víctor Ximena Andrés Marta Nuria'),
    lastNames: words('Álvarez Blanco Castillo Domínguez Espinosa Fuentes Gallego Herrera Ibáñez Jiménez León Molina Navarro Ortega Peña Quintana Rivas Sánchez Torres Vidal Zamora Serrano Campos Iglesias'),
  },
  {
    country: 'Sweden', currency: 'SEK', forms: ['AB'], callingCode: '+46', countryCode: 'SE', weight: 3,
    phone: (digits) => `84650${digits}`,
    cities: [['Stockholm', null, '111 20'], ['Göteborg', null, '411 04'], ['Malmö', null, '211 20'], ['Uppsala', null, '753 10']],
    streets: ['Storgatan', 'Drottninggatan', 'Skeppsbron', 'Kungsgatan'],
    firstNames: words('Astrid Björn Cecilia Dag Ebba Fredrik Gunilla Håkan Ingrid Johan Karin Lars Moa Nils Ola Pernilla Rikard Signe Torsten Ulrika Viktor Ylva Åsa Örjan'),
    lastNames: words('Andersson Bergström Carlsson Dahl Ekström Forsberg Gustafsson Hedlund Isaksson Jönsson Karlsson Lindgren Magnusson Nyström Öberg Persson Rydberg Sandström Tengvall Viklund Wallin Åkesson Björk Holm'),
  },
  {
    country: 'India', currency: 'INR', forms: ['Pvt Ltd'], callingCode: '+91', countryCode: 'IN', weight: 3,
    phone: (digits) => `22555${digits.padEnd(5, '0')}`,
    cities: [['Bengaluru', 'Karnataka', '560001'], ['Mumbai', 'Maharashtra', '400001'], ['Pune', 'Maharashtra', '411001'], ['Chennai', 'Tamil Nadu', '600001']],
    streets: ['MG Road', 'Residency Road', 'Lake View Road', 'Temple Street'],
    firstNames: words('Aarav Bhavna Chetan Divya Esha Farhan Gauri Harish Ishita Jatin Kavya Lalit Meera Nikhil Ojas Pooja Rohan Sneha Tara Uday Varun Yamini Zara Anil'),
    lastNames: words('Agarwal Banerjee Chopra Desai Fernandes Ghosh Hegde Iyer Joshi Kapoor Lal Mehta Nair Patel Qureshi Rao Sharma Thakur Upadhyay Varma Yadav Bose Krishnan Pillai'),
  },
  {
    country: 'Japan', currency: 'JPY', forms: ['KK'], callingCode: '+81', countryCode: 'JP', weight: 2,
    phone: (digits) => `35550${digits}`,
    cities: [['Tokyo', null, '100-0005'], ['Osaka', null, '530-0001'], ['Fukuoka', null, '810-0001']],
    streets: ['Marunouchi', 'Umeda', 'Tenjin', 'Shibakoen'],
    firstNames: words('Aiko Daichi Emi Fumio Hana Ichiro Jun Kaori Makoto Naoko Ren Sakura Takumi Umeko Yui Haruto Mei Sota Rina Shin'),
    lastNames: words('Abe Endo Fujita Goto Hayashi Inoue Kato Matsuda Nakamura Okada Saito Tanaka Ueda Watanabe Yamamoto Ishikawa Kobayashi Mori Shimizu Takeda'),
  },
]; // prettier-ignore

export const JOB_TITLES = [
  'Chief Executive Officer', 'Chief Financial Officer', 'Chief Technology Officer', 'Head of Procurement', 'Head of Operations', 'Head of Marketing', 'Head of People', 'Purchasing Manager', 'Operations Manager', 'Product Manager', 'Office Manager', 'Finance Manager', 'Quality Manager', 'IT Manager', 'Sales Director', 'Plant Director', 'Software Engineer', 'Data Analyst', 'Account Executive', 'Customer Success Lead', 'Legal Counsel', 'Supply Chain Planner', 'Research Scientist', 'Executive Assistant', 'Buyer', 'Project Lead',
]; // prettier-ignore

export const DEALS = [
  'annual licence',
  'pilot project',
  'renewal',
  'expansion to all sites',
  'migration',
  'support contract',
  'training programme',
  'framework agreement',
  'second phase',
  'integration work',
  'trial for one team',
  'three-year plan',
];

export const TASKS = [
  'Call {first} about the proposal',
  'Send {company} the revised quote',
  'Prepare the demo for {company}',
  'Ask {first} for the purchase order',
  'Follow up with {first} after the meeting',
  'Check the contract terms with {company}',
  'Introduce {first} to the support team',
  'Send {first} the case study',
  'Book a site visit at {company}',
  'Clarify the security questions of {company}',
  'Update the forecast for {company}',
  'Plan the kick-off with {company}',
];

export const TASK_BODIES = [
  'Best reached in the morning.',
  'See the note of the last meeting first.',
  'They need it before their board meets.',
  '- price\n- delivery\n- support hours',
  'Keep it to one page.',
  '',
];

export const NOTE_TITLES = [
  'First call with {first}',
  'Meeting at {company}',
  'Feedback on the demo',
  'What {company} needs',
  'Budget and timing',
  'Who decides at {company}',
  'Lunch with {first}',
  'Questions after the trial',
];

export const NOTE_BODIES = [
  '{first} runs a team of {n} and wants to replace three tools with one.\n\n**Next step:** a demo with their own data.',
  'They liked the search and the speed. Missing for them:\n\n- export to their data warehouse\n- a login with their own identity provider',
  'Budget is set for this year, about {n}0 seats. {first} decides together with finance.',
  'Talked about the roll-out in {city}. They would start with one site and grow from there.',
  'Current supplier until the end of the quarter; the contract renews by itself unless they cancel in time.',
  '{first} asked for references from the same trade. Promised two by Friday.',
  'Good conversation. They came to us through a customer in {city}.\n\n> "We just want it to be fast."',
  'Open questions:\n\n1. Where is the data kept?\n2. How do we get it out again?\n3. Who helps with the first import?',
]; // prettier-ignore
