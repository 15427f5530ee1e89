drop table identity.password_resets;
