"""What a shopper is told when a flow refuses, by the error's code: what happened, and what to do next."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from holdfast.kernel.errors import HoldfastError

#: The flows' words are for programs, in English; these are for people.
SENTENCES: dict[str, Promise] = {
    # Carts
    "cart_empty": _("Your cart is empty. Put something into it first."),
    "cart_full": _("Your cart takes no more different things. Buy these first, or remove some."),
    "cart_locked": _("This cart is being paid already. Go to your cart to change it."),
    "quantity_too_large": _("That is more than we sell at once. Choose a smaller number."),
    "not_for_sale": _("Something in your cart is not sold any more. Remove it to go on."),
    "wrong_currency": _("Something in your cart is sold in another currency. Remove it to go on."),
    "total_too_large": _("This is more than can be paid at once. Remove something to go on."),
    "bad_region": _("Choose the country it goes to from the list."),
    "not_shipped_there": _("We do not ship to this country. Choose another one, or remove what has to be shipped."),
    "unknown_code": _("There is no such code. Look at it once more."),
    "code_not_usable": _("This code takes nothing off your cart now."),
    "too_many_tries": _("Too many codes were tried. Wait some minutes."),
    "used_up": _("An offer was used up at this moment. Please look at the new total."),
    "no_such_method": _("We do not ship that way. Choose another one."),
    # Bookings
    "nothing_chosen": _("Choose how many first."),
    "slot_needed": _("Choose a date and a time first."),
    "slot_misplaced": _("This time belongs to something else. Choose a time again."),
    "slot_closed": _("This time can no longer be booked. Choose another one."),
    # Checkout
    "insufficient_stock": _("Somebody was faster: there is not enough left of it. Take fewer, or another one."),
    "price_changed": _("Prices have changed since you put these things into your cart. Please look at the new total."),
    "prices_too_old": _("The prices of this order are not valid any more. Put the things into a new cart."),
    "address_elsewhere": _("Your address is in another country than your cart. Choose the country in the cart first."),
    "address_incomplete": _("Something in your cart is shipped. Write your name and your whole address."),
    "cart_open": _("This cart is open: change it as it is."),
    "paid_meanwhile": _("Your order was paid already. Look at it before you order more."),
    "cart_merged": _("Your things are in the cart of your account. Start again from the shop."),
    "cart_taken": _("This cart belongs to another account."),
    "already_in_checkout": _("This cart was ordered already. Look at your order to go on."),
    "provider_not_offered": _("This way to pay is not offered any more. Choose another one."),
    "method_not_offered": _("You cannot pay that way here. Choose another one."),
    "unknown_provider": _("This way to pay is not offered any more. Choose another one."),
    "amount_not_possible": _("This total cannot be paid in this way. Choose another way, or change your cart."),
    "key_reused": _("This form was sent before with other content. Please check it and send it again."),
    "in_progress": _("Your order is just being placed. Wait a moment, then press the button again: it is placed only once."),
    # Orders
    "not_payable": _("This order takes no payment now. Its page says how it stands."),
    "still_payable": _("The payment page is still open, so the order could not be cancelled yet. Try again in a moment."),
    "not_cancellable": _("This order can no longer be cancelled here. Please write to us."),
    # Anything
    "busy": _("Somebody is changing the same thing right now. Nothing was lost: try again in a moment."),
    "stale_form": _("This form was open for too long, or cookies are switched off. Go back, reload the page and send it again."),
    "unreadable": _("This could not be read. Go back, reload the page and send it again."),
    "not_found": _("This is not here (any more). Start again from the shop."),
}
REFUSED = _("This could not be done. Nothing was changed. Go back and try again.")
CONFLICT = _("Somebody was faster. Nothing was lost: look again, then try once more.")
BROKEN = _("Something does not work on our side right now. Nothing was lost: try again in a moment.")


def of(error: HoldfastError) -> str:
    """The sentence of an error. What is broken on our side is told without details."""
    if error.status >= 500:
        return str(BROKEN)
    return by_code(error.code, otherwise=CONFLICT if error.status == 409 else REFUSED)


def by_code(code: str, *, otherwise: Promise = REFUSED) -> str:
    """The sentence of a code, as an address may carry it from one page to the next."""
    return str(SENTENCES.get(code, otherwise))
