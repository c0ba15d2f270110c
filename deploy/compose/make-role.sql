-- The first start runs it as the server's own user.
\set password `cat /run/secrets/postgres/password`
CREATE ROLE gateway LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
CREATE DATABASE gateway OWNER gateway;
