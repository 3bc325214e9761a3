"""The order in which a list is asked for."""

from stages.index.urls import in_turns


def test_no_host_holds_up_the_others():
    hosts = ["slow"] * 5 + ["quick"] * 2 + ["other"]
    urls = {i: f"http://{host}.example/{i}" for i, host in enumerate(hosts, 10)}
    order = [urls[i] for i in in_turns(urls)]
    assert [url[7:10] for url in order] == ["slo", "qui", "oth", "slo", "qui", "slo", "slo", "slo"]
    assert sorted(order) == sorted(urls.values())
    assert in_turns({}) == []
