pragma journal_mode = wal; pragma cache_size = 500;
create table items(id integer primary key, name text unique, price real, kind text check(kind in ('a', 'b', 'c')));
create table orders(id integer primary key, item int references items, amount int, day text);
create index orders_item on orders(item, day);
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 400)
insert into items select i, printf('item-%04d', i), (i * 7919 % 1000) / 8.0, char(97 + i % 3) from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 30000)
insert into orders select i, 1 + i * 7 % 400, 1 + i * 31 % 17, date('2024-01-01', (i % 366) || ' days') from n;
commit;
.mode column
.headers on
select kind, count(*), round(sum(price * amount), 3) total, max(day) from items join orders on item = items.id group by kind order by kind;
select strftime('%m', day) m, sum(amount) s, round(avg(amount), 6) from orders group by 1 order by 1;
select name, s, rank() over (order by s desc, name) r, sum(s) over (order by s desc, name rows 2 preceding) w from (select name, sum(amount) s from items join orders on item = items.id group by name) order by r limit 8;
select day, sum(amount) over (partition by item order by day, id rows between 3 preceding and current row) from orders where item = 77 order by day, id limit 6;
explain query plan select * from orders where item = 5 and day > '2024-06-01';
with recursive fib(a, b, n) as (select 0, 1, 1 union all select b, a + b, n + 1 from fib where n < 80) select a from fib order by n desc limit 3;
with recursive x(x) as (values(-2.0) union all select x + 0.1 from x where x < 1.0), y(y) as (values(-1.0) union all select y + 0.1 from y where y < 1.0),
m(i, cx, cy, x, y) as (select 0, x, y, 0.0, 0.0 from x, y union all select i + 1, cx, cy, x * x - y * y + cx, 2 * x * y + cy from m where x * x + y * y < 4 and i < 28),
d(i, cx, cy) as (select max(i), cx, cy from m group by cx, cy) select group_concat(substr(' .+*#', 1 + min(i / 7, 4), 1), '') from d group by cy;
create virtual table docs using fts5(body);
insert into docs select 'word' || (id % 50) || ' common ' || name from items;
select count(*), min(body) from docs where docs match 'word7 AND common'; select snippet(docs, 0, '[', ']', '..', 3) from docs where docs match '"word3"' limit 2;
select json_extract('{"a":[1,{"b":2.5}]}', '$.a[1].b'), json_group_array(kind) from (select distinct kind from items order by 1);
select key, value from json_each('{"x":1,"y":[true,null]}'); select hex(zeroblob(3)), quote(x'0102'), typeof(1e3), 7 / 2, 7 % -3, -7 / 2.0, 9223372036854775807 + 1;
create table log(what); create trigger t after update on items begin insert into log values(old.name || ' ' || old.price || '->' || new.price); end;
update items set price = price * 1.1 where id % 40 = 0; select count(*), max(what) from log; select * from log limit 3;
savepoint s; delete from orders where id % 2; select count(*) from orders; rollback to s; release s; select count(*) from orders;
insert into items values(1, 'dup', 0, 'a'); insert into items values(1000, 'bad', 0, 'z'); select abs(-9223372036854775808);
select round(exp(1), 9), round(ln(10), 9), round(sqrt(2), 9), upper('straße'), instr('hello', 'l'), like('a%', 'ABC'), 'x' glob '[a-z]', soundex('robert') ;
select group_concat(a, ' ') from (select printf('%x', id * 2654435761 % 65536) a from items order by a limit 12);
create table big as select a.id * 400 + b.id k, a.name || b.name v from items a, items b where b.id <= 100; create index big_v on big(v);
select count(*), count(distinct substr(v, 6, 4)), sum(length(v)), min(v), max(v) from big; delete from big where k % 3 = 0; vacuum; analyze; select count(*) from big;
select total(k) from big where v between 'item-0100' and 'item-0150'; drop table big; pragma integrity_check; pragma foreign_key_check;
