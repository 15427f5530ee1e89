drop table support.import_rows;
drop table support.imports;
