export const run = () => 'by another name';
