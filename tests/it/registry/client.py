"""A registry client as those that exist: what it sends, and how it takes the answers. Arguments: the base, whether the
directory is public. Ends with 0 where everything went as such a client needs it."""

import sys

import requests


class Client:
    def __init__(self, base):
        self.base = base
        self.id = self.password = None

    def headers(self):
        if self.id is None or self.password is None:
            return {}
        return {"Authorization": f"Bearer {self.id}:{self.password}"}

    def ask(self, method, path, auth=True, **more):
        answer = requests.request(method, f"{self.base}{path}", headers=self.headers() if auth else {}, **more)
        if answer.status_code != 200:
            raise Exception(f"failed: {answer.text}")
        body = answer.json()
        if body.get("code") != 0:
            raise Exception(f"failed: {body.get('message')}")
        return body.get("data")

    def register(self, name, **more):
        body = {"upload_name": name, "instance_id": self.id, "description": None, "email": None, "tags": None} | more
        data = self.ask("POST", "/api/upload/register", json=body)
        # Whatever comes overwrites what was there.
        self.id, self.password = data.get("instance_id"), data.get("instance_password")
        return data

    def detail(self):
        return self.ask("GET", f"/api/upload/{self.id}")


def fails(call, status):
    try:
        call()
    except Exception as error:
        assert f'"code":{status}' in str(error), error
        return
    raise AssertionError("it went well")


def main(base, public):
    client = Client(base)
    # Before it is registered it asks for the literal None.
    assert client.detail() is None
    fails(lambda: client.ask("DELETE", f"/api/upload/{client.id}"), 401)
    tags = {"model_name": "m", "is_cot": False, "document_count": 2, "further": {"a": 1}}
    data = client.register("workspace", description="d", email="", tags=tags)
    assert data["upload_name"] == "workspace" and data["status"], data
    first = (client.id, client.password)
    assert client.detail()["is_connected"] is False
    client.register("workspace")
    assert client.id == first[0] and client.password != first[1]
    assert client.detail()["upload_name"] == "workspace"
    data = client.ask("PUT", f"/api/upload/{client.id}", json={"upload_name": "other", "capabilities": {"chat": True}})
    assert data["updated_fields"] == ["upload_name", "capabilities"], data
    role = {
        "role_id": "r", "instance_id": client.id, "name": "n", "description": "d", "system_prompt": "p",
        "is_active": True, "icon": None, "enable_l0_retrieval": True, "enable_l1_retrieval": True,
    }
    assert client.ask("POST", "/api/roles", json=role)
    query = {"page_no": 1, "page_size": 10, "status": ["online", "offline"]}
    listed = lambda: client.ask("GET", "/api/upload/list", auth=False, params=query)
    counted = lambda: client.ask("GET", "/api/upload/count", auth=False)
    if public:
        page = listed()
        assert [item["upload_name"] for item in page["items"]] == ["other"], page
        assert page["pagination"] == {"page_no": 1, "page_size": 10, "total": 1, "total_pages": 1}, page
        assert counted() == {"count": 1}
    else:
        fails(listed, 401)
        fails(counted, 401)
    client.ask("DELETE", f"/api/upload/{client.id}")
    assert client.detail() is None
    # It never forgets its id and password.
    client.register("again")
    assert client.id == first[0] and client.detail()["upload_name"] == "again"


main(sys.argv[1], sys.argv[2] == "true")
