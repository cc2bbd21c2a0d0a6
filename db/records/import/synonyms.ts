/**
 * What the headers of other people's files call our fields, in lower case without spaces. By object
 * and path of the target; "*" is every object that has the field. Earlier words are better ones.
 */
export const SYNONYMS: Record<string, Record<string, readonly string[]>> = {
  '*': {
    'name.firstName': ['firstname', 'givenname', 'forename', 'first'],
    'name.lastName': ['lastname', 'surname', 'familyname', 'last'],
    emails: ['email', 'emailaddress', 'primaryemail', 'workemail', 'businessemail', 'mail'],
    'emails.additionalEmails': ['otheremails', 'secondaryemail', 'additionalemails'],
    phones: ['phone', 'phonenumber', 'telephone', 'workphone', 'mobile', 'mobilephone', 'cell', 'tel'],
    'phones.additionalPhones': ['otherphones', 'additionalphones'],
    linkedinLink: ['linkedin', 'linkedinurl', 'linkedinprofile'],
    xLink: ['twitter', 'x', 'twitterhandle', 'xhandle', 'twitterurl'],
    address: ['headquarters', 'headquarterslocation', 'headquarterlocation', 'hq', 'location'],
    'address.street1': ['street', 'streetaddress', 'addressline1', 'address1', 'street1'],
    'address.street2': ['addressline2', 'address2', 'street2'],
    'address.city': ['city', 'town'],
    'address.postcode': ['postcode', 'zip', 'zipcode', 'postalcode'],
    'address.state': ['state', 'stateprovince', 'province', 'region', 'stateregion', 'county'],
    'address.country': ['country', 'countryname', 'countryregion', 'nation', 'countrycode'],
    'address.lat': ['latitude', 'lat'],
    'address.lng': ['longitude', 'lng', 'lon'],
    accountOwner: ['owner', 'accountmanager', 'responsible'],
    bodyV2: ['body', 'description', 'details', 'content', 'text', 'notes'],
  },
  company: {
    name: ['companyname', 'organisation', 'organization', 'organisationname', 'organizationname', 'account', 'accountname', 'businessname', 'business', 'institution', 'legalname', 'security'],
    domainName: ['domain', 'website', 'url', 'websiteurl', 'homepage', 'web', 'site', 'webpage'],
    'domainName.secondaryLinks': ['otherdomains', 'otherwebsites'],
    employees: ['employeecount', 'numberofemployees', 'noofemployees', 'headcount', 'staff', 'size'],
    annualRevenue: ['revenue', 'turnover', 'sales', 'annualsales', 'arr', 'annualrecurringrevenue'],
    idealCustomerProfile: ['icp', 'idealcustomer', 'targetaccount'],
  },
  person: {
    name: ['fullname', 'contactname', 'contact', 'person'],
    jobTitle: ['title', 'jobtitle', 'role', 'job', 'occupation', 'designation', 'function'],
    company: ['companyname', 'organisation', 'organization', 'employer', 'account', 'accountname', 'institution', 'chamber', 'works at'],
    city: ['town', 'location'],
    avatarUrl: ['photo', 'picture', 'image', 'photourl', 'avatar'],
  },
  opportunity: {
    name: ['opportunityname', 'deal', 'dealname', 'title'],
    amount: ['value', 'dealvalue', 'dealsize', 'price', 'amountusd'],
    closeDate: ['closingdate', 'expectedclosedate', 'expectedclose', 'closes', 'closedon'],
    stage: ['dealstage', 'status', 'pipelinestage', 'phase'],
    pointOfContact: ['contact', 'contactname', 'primarycontact', 'person'],
    company: ['companyname', 'organisation', 'organization', 'account', 'accountname', 'customer', 'client'],
    owner: ['dealowner', 'opportunityowner', 'salesrep', 'responsible'],
  },
  task: {
    title: ['name', 'subject', 'todo'],
    dueAt: ['due', 'duedate', 'deadline'],
    status: ['state'],
    assignee: ['assignedto', 'owner', 'responsible'],
  },
  note: { title: ['name', 'subject'] },
}; // prettier-ignore
