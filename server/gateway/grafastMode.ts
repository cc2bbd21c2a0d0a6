// Grafast reads GRAPHILE_ENV once, when it is first imported, and warns when it is unset. Its
// development mode re-checks every plan at a cost of several milliseconds a request, so production is
// the default and a person working on the gateway opts in. Import this before anything of Grafast's.
process.env.GRAPHILE_ENV ??= 'production';
