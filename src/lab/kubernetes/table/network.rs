//! The rows of services and what leads to them.

use serde_json::{Value, json};

use super::{AGE, Layout, NAME, age, array, int, name, or, pairs, text};

pub const SERVICES: Layout = Layout {
    columns: &[
        NAME,
        ("Type", "string", 0),
        ("Cluster-IP", "string", 0),
        ("External-IP", "string", 0),
        ("Port(s)", "string", 0),
        AGE,
        ("Selector", "string", 1),
    ],
    cells: |o, now| {
        let spec = &o["spec"];
        let ports: Vec<String> = array(&spec["ports"])
            .iter()
            .map(|port| match int(&port["nodePort"]) {
                0 => format!("{}/{}", int(&port["port"]), or(text(&port["protocol"]), "TCP")),
                node => format!("{}:{node}/{}", int(&port["port"]), or(text(&port["protocol"]), "TCP")),
            })
            .collect();
        vec![
            name(o),
            json!(or(text(&spec["type"]), "ClusterIP")),
            json!(or(text(&spec["clusterIP"]), "<none>")),
            json!(external(o)),
            json!(or(&ports.join(","), "<none>")),
            age(o, now),
            pairs(&spec["selector"]),
        ]
    },
};

fn external(service: &Value) -> String {
    let spec = &service["spec"];
    let given: Vec<&str> = array(&spec["externalIPs"]).iter().map(text).collect();
    match text(&spec["type"]) {
        "ExternalName" => text(&spec["externalName"]).to_owned(),
        "LoadBalancer" => {
            let mut all: Vec<&str> = array(&service["status"]["loadBalancer"]["ingress"])
                .iter()
                .map(|i| or(text(&i["ip"]), text(&i["hostname"])))
                .collect();
            all.extend(given);
            or(&all.join(","), "<pending>").to_owned()
        }
        _ => or(&given.join(","), "<none>").to_owned(),
    }
}

pub const ENDPOINTS: Layout = Layout {
    columns: &[NAME, ("Endpoints", "string", 0), AGE],
    cells: |o, now| {
        let mut all = Vec::new();
        for subset in array(&o["subsets"]) {
            for address in array(&subset["addresses"]) {
                let ports = array(&subset["ports"]);
                if ports.is_empty() {
                    all.push(text(&address["ip"]).to_owned());
                }
                all.extend(ports.iter().map(|port| format!("{}:{}", text(&address["ip"]), int(&port["port"]))));
            }
        }
        vec![name(o), json!(shorten(&all)), age(o, now)]
    },
};

pub const SLICES: Layout = Layout {
    columns: &[NAME, ("AddressType", "string", 0), ("Ports", "string", 0), ("Endpoints", "string", 0), AGE],
    cells: |o, now| {
        let ports: Vec<String> = array(&o["ports"]).iter().map(|port| int(&port["port"]).to_string()).collect();
        let addresses: Vec<String> = array(&o["endpoints"])
            .iter()
            .flat_map(|endpoint| array(&endpoint["addresses"]))
            .map(|a| text(a).to_owned())
            .collect();
        let ports = if ports.is_empty() { "<unset>".to_owned() } else { shorten(&ports) };
        let addresses = if addresses.is_empty() { "<unset>".to_owned() } else { shorten(&addresses) };
        vec![name(o), o["addressType"].clone(), json!(ports), json!(addresses), age(o, now)]
    },
};

/// Three of them, and how many more there are.
fn shorten(all: &[String]) -> String {
    match all.len() {
        0 => "<none>".to_owned(),
        1..=3 => all.join(","),
        more => format!("{} + {} more...", all[..3].join(","), more - 3),
    }
}

pub const INGRESSES: Layout = Layout {
    columns: &[
        NAME,
        ("Class", "string", 0),
        ("Hosts", "string", 0),
        ("Address", "string", 0),
        ("Ports", "string", 0),
        AGE,
    ],
    cells: |o, now| {
        let hosts: Vec<&str> =
            array(&o["spec"]["rules"]).iter().map(|rule| text(&rule["host"])).filter(|host| !host.is_empty()).collect();
        let addresses: Vec<&str> = array(&o["status"]["loadBalancer"]["ingress"])
            .iter()
            .map(|i| or(text(&i["ip"]), text(&i["hostname"])))
            .collect();
        let ports = if array(&o["spec"]["tls"]).is_empty() { "80" } else { "80, 443" };
        vec![
            name(o),
            json!(or(text(&o["spec"]["ingressClassName"]), "<none>")),
            json!(or(&hosts.join(","), "*")),
            json!(addresses.join(",")),
            json!(ports),
            age(o, now),
        ]
    },
};
