// The page works without this. With it, nobody has to press the button.
document.forms[0].submit();
