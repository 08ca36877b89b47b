-- At each start: the server's user and database, and the password as it is now.
-- A statement that fails is not told: it holds the password.
SET log_min_error_statement = 'panic';
\set password `cat /secrets/password`
SELECT 'CREATE ROLE mlflow LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mlflow') \gexec
ALTER ROLE mlflow PASSWORD :'password';
SELECT 'CREATE DATABASE mlflow OWNER mlflow' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'mlflow') \gexec
