drop table identity.gateway_links;
