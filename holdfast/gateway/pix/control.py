"""The control API of the bank, under /_gateway/pix: what people, payers and the MED do, without waiting for them."""

from starlette.requests import Request
from starlette.routing import Route

from holdfast.gateway import audit
from holdfast.gateway.control import control
from holdfast.gateway.pix import books, callbacks, charges, clients, paying, received, returns, words
from holdfast.gateway.pix.problems import Problem
from holdfast.gateway.tx import Tx, encode


def act(run):
    """`run(tx, path, said)` in a transaction; what the bank refuses is a 400."""

    async def answer(request: Request, said: dict) -> dict:
        def work(tx: Tx) -> dict:
            try:
                return run(tx, request.path_params, said)
            except (Problem, clients.Refused) as problem:
                raise ValueError(str(problem)) from problem

        return await request.app.state.world.books.write(work)

    return control(answer)


def put_client(tx: Tx, path: dict, said: dict) -> dict:
    """`{client_secret, chave, webhook_url}`: opens the account, and where its key's callbacks go."""
    account = clients.open_account(tx, client_id=path["client_id"], secret=said["client_secret"])
    if "chave" in said and not clients.owns(tx, account=account, chave=said["chave"]):
        raise ValueError(f"the key {said['chave']} is another account's")
    if "webhook_url" in said:
        callbacks.listen(tx, account=account, chave=said["chave"], url=said["webhook_url"])
    return {"account": account}


def end_tokens(tx: Tx, path: dict, said: dict) -> dict:
    """As if their hour were over."""
    account = clients.account_of(tx, path["client_id"])
    return {"ended": tx.execute("DELETE FROM pix_tokens WHERE account = ?", [account]).rowcount}


def pay(tx: Tx, path: dict, said: dict) -> dict:
    """`{valor, times, days_ago, client_id}`: money for a charge, also for one that was paid or removed or whose time is over."""
    at = tx.now - float(said.get("days_ago", 0)) * 86_400
    minor = _minor(said["valor"]) if "valor" in said else None
    made = []
    for _ in range(int(said.get("times", 1))):
        row = _charge(tx, path, said)  # The first payment changes it.
        made.append(paying.settle(tx, row, minor=minor, at=at, info=said.get("infoPagador", "")))
    return {"pix": made}


def remove(tx: Tx, path: dict, said: dict) -> dict:
    """By the bank, which needs no reason."""
    row = _charge(tx, path, said)
    if row["status"] != charges.ACTIVE:
        raise ValueError(f"the charge is {row['status']}")
    charge = books.body(row) | {"status": charges.REMOVED_BY_BANK}
    tx.execute("UPDATE pix_charges SET status = ?, body = ? WHERE seq = ?", [charge["status"], encode(charge), row["seq"]])
    return charge


def pay_key(tx: Tx, path: dict, said: dict) -> dict:
    """`{chave, valor, txid}`: a transfer to the key or to a static code; without a txid nobody is called back."""
    account = clients.account_of(tx, path["client_id"])
    if not clients.owns(tx, account=account, chave=said["chave"]):
        raise ValueError(f"the key {said['chave']} is another account's")
    txid = said.get("txid")
    if txid is not None and not words.ANY_TXID.fullmatch(txid):
        raise ValueError("a txid has up to 35 letters and digits")
    minor = _minor(said["valor"])
    return {"pix": [received.arrive(tx, account=account, chave=said["chave"], txid=txid, minor=minor, at=tx.now)]}


def take_back(tx: Tx, path: dict, said: dict) -> dict:
    """`{natureza, valor}`: a return under the MED, or by the receiver in the bank's own app (ORIGINAL)."""
    minor = _minor(said["valor"]) if "valor" in said else None
    return returns.unasked(tx, path["e2eid"], nature=said.get("natureza", "MED_FRAUDE"), minor=minor)


def settle(tx: Tx, path: dict, said: dict) -> dict:
    if said["outcome"] not in ("succeeded", "failed"):
        raise ValueError("outcome is succeeded or failed")
    return returns.settle(tx, path["e2eid"], path["id"], succeeded=said["outcome"] == "succeeded")


def see_callbacks(tx: Tx, path: dict, said: dict) -> dict:
    """Every notification of an account, oldest first, with its deliveries."""
    told = tx.find(callbacks.NOTIFICATION, account=clients.account_of(tx, path["client_id"]))
    return {"callbacks": [{"pix": each["pix"], "deliveries": audit.deliveries_of(tx, each["id"])} for each in told]}


async def see_books(request: Request, _: dict) -> dict:
    """Everything that moved money, of one client or all."""
    client_id = request.query_params.get("client_id")

    def work(tx: Tx) -> dict:
        return books.report(tx, clients.account_of(tx, client_id) if client_id else None)

    return await request.app.state.world.books.read(work)


def _charge(tx: Tx, path: dict, said: dict):
    account = clients.account_of(tx, said["client_id"]) if "client_id" in said else None
    row = paying.by_txid(tx, path["txid"], account=account)
    if row is None:
        raise ValueError(f"there is no charge {path['txid']}")
    return row


def _minor(text: object) -> int:
    minor = words.minor(text)
    if not minor:
        raise ValueError('valor is a text such as "12.50"')
    return minor


ROUTES = [
    Route("/_gateway/pix/clients/{client_id}", act(put_client), methods=["PUT"]),
    Route("/_gateway/pix/clients/{client_id}/tokens/end", act(end_tokens), methods=["POST"]),
    Route("/_gateway/pix/clients/{client_id}/pay", act(pay_key), methods=["POST"]),
    Route("/_gateway/pix/clients/{client_id}/callbacks", act(see_callbacks), methods=["GET"]),
    Route("/_gateway/pix/charges/{txid}/pay", act(pay), methods=["POST"]),
    Route("/_gateway/pix/charges/{txid}/remove", act(remove), methods=["POST"]),
    Route("/_gateway/pix/received/{e2eid}/return", act(take_back), methods=["POST"]),
    Route("/_gateway/pix/received/{e2eid}/returns/{id}/settle", act(settle), methods=["POST"]),
    Route("/_gateway/pix/books", control(see_books), methods=["GET"]),
]
