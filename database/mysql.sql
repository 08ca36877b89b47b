-- At each start: the server's user and database, and the password as it is now.
-- Names that differ in case or accents are different ones, as in PostgreSQL and SQLite.
CREATE DATABASE IF NOT EXISTS mlflow CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE USER IF NOT EXISTS mlflow@'%';
EXECUTE IMMEDIATE concat('ALTER USER mlflow@''%'' IDENTIFIED BY ', quote(@password));
GRANT ALL ON mlflow.* TO mlflow@'%';
