const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** Python's strftime in the C locale for midnight of `date` (`YYYY-MM-DD`); `%-d` and its like drop the leading zero. */
export function formatDate(date: string, format: string): string {
  const at = new Date(`${date}T00:00:00Z`);
  const year = at.getUTCFullYear();
  const month = at.getUTCMonth();
  const day = at.getUTCDate();
  const fields: Readonly<Record<string, string>> = {
    Y: String(year).padStart(4, '0'),
    y: pad(year % 100),
    m: pad(month + 1),
    d: pad(day),
    e: String(day).padStart(2, ' '),
    b: months[month]!.slice(0, 3),
    B: months[month]!,
    a: days[at.getUTCDay()]!.slice(0, 3),
    A: days[at.getUTCDay()]!,
    j: String((at.getTime() - Date.UTC(year, 0, 1)) / 86_400_000 + 1).padStart(3, '0'),
    H: '00',
    I: '12',
    M: '00',
    S: '00',
    p: 'AM',
    F: date,
    '%': '%',
  };
  return format.replace(/%(-?)([a-zA-Z%])/g, (_, bare: string, letter: string) => {
    const field = fields[letter];
    if (field === undefined) throw new Error(`strftime_now does not know %${letter}`);
    return bare ? field.replace(/^[0 ]+(?=.)/, '') : field;
  });
}

const pad = (value: number): string => String(value).padStart(2, '0');
